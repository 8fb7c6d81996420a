import { isStateKey } from '../../rooms/event.ts';
import { check, checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import { basisOf, type RemoteInvitesHarness, remoteCase } from './harness.ts';

/** The cases about `stateKeys`, `concerns` and `objectionTo`. */
export const judgingCases: readonly ContractCase<RemoteInvitesHarness>[] = [
  remoteCase({
    name: 'names its state keys at once',
    postcondition: 'stateKeys 1',
    async run({ federation, createInvite }) {
      const invite = await createInvite();
      const keys: unknown = federation.stateKeys(invite);
      check(
        Array.isArray(keys) && keys.every(isStateKey),
        'stateKeys returned no list of { type, state_key }',
      );
      checkSame(federation.stateKeys(invite), keys, 'keys of a second call');
    },
  }),
  remoteCase({
    name: 'is concerned by a user of another server',
    postcondition: 'concerns 2',
    async run(harness) {
      const invite = await harness.createInvite();
      const basis = await basisOf(harness, invite);
      const concerns: unknown = harness.federation.concerns(invite, basis);
      checkSame(concerns, true, 'result of concerns for a user of another server');
    },
  }),
  remoteCase({
    name: 'has no objection to an invite that it accepts, however often it is asked, and asks nobody',
    postcondition: 'objectionTo 3',
    async run(harness) {
      const invite = await harness.createInvite();
      const basis = await basisOf(harness, invite);
      for (const _ of range(20)) {
        const objection: unknown = harness.federation.objectionTo(invite, basis);
        check(objection === undefined, `objectionTo returned ${objection} for an invite that is accepted`);
      }
      checkSame(await harness.asked(invite.userId), 0, 'requests to the other server');
    },
  }),
];
