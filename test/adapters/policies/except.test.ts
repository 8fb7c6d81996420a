import type { InvitePolicy, PolicyRequest } from 'express-matrix-invite';
import { blockedRooms } from 'express-matrix-invite/policies/blocked-rooms';
import { except } from 'express-matrix-invite/policies/except';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, ROOM } from '../../http/support.ts';
import { appWith, expectAllowed, expectRefused, itFailsClosed } from './support.ts';

const blocked = blockedRooms({ rooms: [ROOM] });

describe('except', () => {
  it('holds for everybody else, under the name of the policy within', async () => {
    const host = await appWith(except(blocked, ({ requester }) => requester.userId === BOB));
    await expectRefused(host, 'This room is blocked on this server');
    expect(host.outcomes).toMatchObject([{ policy: 'blockedRooms' }]);
  });

  it('lets the exempt pass without asking the policy', async () => {
    const asked: unknown[] = [];
    const isExempt = async (...args: unknown[]) => asked.push(args) > 0;
    const never: InvitePolicy = { name: 'never', decide: () => expect.fail('asked') };
    await expectAllowed(await appWith(except(never, isExempt)));
    expect(asked).toEqual([
      [
        expect.objectContaining({ requester: { userId: ALICE }, roomId: expect.stringMatching(/^!/) }),
        { signal: expect.any(AbortSignal) },
      ],
    ]);
  });

  itFailsClosed('isExempt', (isExempt) => except({ name: 'open', decide: () => undefined }, isExempt));

  it('hands on the state that the policy within wants, and its this', async () => {
    class CreatorPolicy implements InvitePolicy {
      readonly name = 'creator';
      readonly #type = 'm.room.topic';
      stateKeys({ userId }: PolicyRequest) {
        return [{ type: this.#type, state_key: userId }];
      }
      decide({ state }: { readonly state: { readonly keys: readonly { readonly type: string }[] } }) {
        return { message: String(state.keys.some(({ type }) => type === this.#type)) };
      }
    }
    await expectRefused(await appWith(except(new CreatorPolicy(), () => false)), 'true');
    const listed = { ...blocked, stateKeys: [{ type: 'm.room.topic', state_key: '' }] };
    const decide = CreatorPolicy.prototype.decide.bind(new CreatorPolicy());
    await expectRefused(await appWith(except({ ...listed, decide }, () => false)), 'true');
  });

  it('takes a policy and a function only', () => {
    // @ts-expect-error it is no policy
    expect(() => except({ name: 'x' }, () => true)).toThrow(
      new TypeError('except takes a policy first: an object with decide'),
    );
    // @ts-expect-error it is no function
    expect(() => except(blocked, [ALICE])).toThrow(
      new TypeError('except takes a function second: whom to exempt'),
    );
  });
});
