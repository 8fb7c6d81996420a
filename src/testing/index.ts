export { authContract } from './auth/contract.ts';
export { type AuthHarness, authRequest, type KnownToken } from './auth/harness.ts';
export { abortedContext, deadlineContext } from './context.ts';
export { type ContractCase, canRun, whyNot } from './contract.ts';
export { pendingAddressInvitesContract } from './pending-address-invites/contract.ts';
export type { PendingAddressInvitesHarness } from './pending-address-invites/harness.ts';
export { rateLimitContract } from './rate-limit/contract.ts';
export type { RateLimitHarness } from './rate-limit/harness.ts';
export { remoteInvitesContract } from './remote-invites/contract.ts';
export type {
  RemoteBehavior,
  RemoteInvitesHarness,
  RemoteInvitesInstance,
} from './remote-invites/harness.ts';
export { roomGraphContract } from './room-graph/contract.ts';
export type { GraphInstance, RoomGraphHarness, SeedGraphRoom } from './room-graph/harness.ts';
export { roomStoreContract } from './room-store/contract.ts';
export type { RoomStoreHarness } from './room-store/harness.ts';
export { type CaseName, type ContractReport, runContract } from './run-contract.ts';
export { storageContract } from './storage/contract.ts';
export type {
  SeedMembership,
  SeedPowerLevels,
  SeedRoom,
  StorageHarness,
  StorageLimits,
} from './storage/harness.ts';
export { storageHarnessFor } from './storage/harness-for.ts';
