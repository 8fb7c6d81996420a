import type { InvitePolicy, PolicyRequest } from 'express-matrix-invite';
import { blockedRooms } from 'express-matrix-invite/policies/blocked-rooms';
import { except } from 'express-matrix-invite/policies/except';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, ROOM } from '../../http/support.ts';
import { appWith, expectAllowed, expectRefused, itFailsClosed } from './support.ts';

const blocked = blockedRooms({ rooms: [ROOM] });

describe('except', () => {
  it('applies the policy to everybody else, under the name of the inner policy', async () => {
    const host = await appWith(except(blocked, ({ requester }) => requester.userId === BOB));
    await expectRefused(host, 'This room is blocked on this server');
    expect(host.outcomes).toMatchObject([{ policy: 'blockedRooms' }]);
  });

  it('lets exempt invites pass without calling the policy', async () => {
    const calls: unknown[] = [];
    const isExempt = async (...args: unknown[]) => calls.push(args) > 0;
    const never: InvitePolicy = { name: 'never', decide: () => expect.fail('called') };
    await expectAllowed(await appWith(except(never, isExempt)));
    expect(calls).toEqual([
      [
        expect.objectContaining({ requester: { userId: ALICE }, roomId: expect.stringMatching(/^!/) }),
        { signal: expect.any(AbortSignal) },
      ],
    ]);
  });

  itFailsClosed('isExempt', (isExempt) => except({ name: 'open', decide: () => undefined }, isExempt));

  it('passes on the state keys of the inner policy, and its this', async () => {
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

  it('only accepts a policy and a function', () => {
    // @ts-expect-error not a policy
    expect(() => except({ name: 'x' }, () => true)).toThrow(
      new TypeError('except: the first argument must be a policy, with the method decide'),
    );
    // @ts-expect-error not a function
    expect(() => except(blocked, [ALICE])).toThrow(
      new TypeError('except: the second argument must be a function that returns true for exempt invites'),
    );
  });
});
