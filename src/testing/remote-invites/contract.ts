import type { ContractCase } from '../contract.ts';
import { abandonCases } from './abandon.ts';
import type { RemoteInvitesHarness } from './harness.ts';
import { inviteCases } from './invite.ts';
import { judgingCases } from './judging.ts';
import { unfinishedCases } from './unfinished.ts';
import { waitingCases } from './waiting.ts';

/** The cases that every adapter for remote invites must pass: the promises of `RemoteInvites`. */
export const remoteInvitesContract: readonly ContractCase<RemoteInvitesHarness>[] = [
  ...judgingCases,
  ...inviteCases,
  ...waitingCases,
  ...abandonCases,
  ...unfinishedCases,
];
