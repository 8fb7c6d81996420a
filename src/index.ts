export { createInviteCheckRouter, type InviteCheckRouterOptions } from './check-router.ts';
export {
  InviteNotSentError,
  isInviteNotSent,
  isMatrixError,
  isStorageUnavailable,
  MatrixError,
  StorageUnavailableError,
} from './errors.ts';
export {
  type ErrorHandler,
  type MatrixErrorHandlerOptions,
  matrixErrorHandler,
} from './http/error-handler.ts';
export {
  type MatrixNotFoundHandlerOptions,
  matrixNotFoundHandler,
  type NotFoundHandler,
} from './http/not-found-handler.ts';
export { printable } from './internal/printable.ts';
export type { AddressInviteRequest, AddressInviteResult } from './invite/address-request.ts';
export type { InviteDraft, InviteServiceOptions } from './invite/config.ts';
export type { InviteExplanation } from './invite/decision.ts';
export type { InviteForecast, InviteResult } from './invite/explain.ts';
export type { InviteNotice } from './invite/notify.ts';
export type { InviteCheckRequest, InviteRequest } from './invite/request.ts';
export type { ResumeResult } from './invite/resume.ts';
export type { AddressRevocation, AddressRevocationResult } from './invite/revoke.ts';
export { createInviteService, type InviteService } from './invite/service.ts';
export type { ThirdPartyOptions } from './invite/third-party-config.ts';
export type {
  AuthAdapter,
  AuthFailure,
  AuthRequest,
  AuthResult,
  Requester,
  SessionAuth,
} from './ports/auth.ts';
export type { CallContext } from './ports/context.ts';
export type { Logger } from './ports/logger.ts';
export type { HostCall, InviteTrace, RequestOutcome } from './ports/outcome.ts';
export type { AddressClaim, AddressKey, PendingAddressInvites } from './ports/pending-address-invites.ts';
export type {
  AddressPolicyRequest,
  InvitePolicy,
  PolicyDecision,
  PolicyRefusal,
  PolicyRequest,
} from './ports/policy.ts';
export type {
  RateLimitAdapter,
  RateLimitBucket,
  RateLimitDecision,
  RateLimitForecast,
  RateLimitScope,
} from './ports/rate-limit.ts';
export type {
  RefusedRemotely,
  RemoteAnswer,
  RemoteInvite,
  RemoteInvites,
} from './ports/remote-invites.ts';
export type { BuildResult, BuiltInvite, RoomGraph } from './ports/room-graph.ts';
export type {
  AppendResult,
  NewRoom,
  RoomStore,
  StateSnapshot,
  StorageAdapter,
  TimelinePage,
} from './ports/storage.ts';
export type {
  AddressInvite,
  AddressInviteKey,
  InviteRoomDetails,
  StoredAddressInvite,
  ThirdPartyIdentity,
} from './ports/third-party.ts';
export type { Profile, UserDirectory } from './ports/user-directory.ts';
export type {
  JsonObject,
  JsonValue,
  NewStateEvent,
  StateEvent,
  StateKey,
  StrippedStateEvent,
} from './rooms/event.ts';
export { domainOf, isRoomId, isServerName, isUserId } from './rooms/identifiers.ts';
export type { InviteRefusalReason } from './rooms/invite-rule.ts';
export { createInviteRouter, type InviteRouter, type ResumableInviteRouter } from './router.ts';
export type { InviteRouterOptions } from './router-options.ts';
