import { checkOptions } from '../internal/options.ts';
import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import type { InviteTrace } from '../ports/outcome.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import { type AddressInviteRequest, type AddressInviteResult, startAddressRun } from './address-request.ts';
import { inviteByAddress } from './by-address.ts';
import {
  type InviteServiceOptions,
  inviteServiceOptionChecks,
  type ServiceConfig,
  serviceConfig,
} from './config.ts';
import type { InviteForecast, InviteResult } from './explain.ts';
import { check, invite } from './invite.ts';
import { toMatrixError, withStack } from './refusals.ts';
import {
  checkInvite,
  checkRequester,
  checkRoomId,
  type InviteCheckRequest,
  type InviteRequest,
  refuseRequester,
} from './request.ts';
import { RequestLog } from './request-log.ts';
import { type ResumeResult, resumeOf } from './resume.ts';
import { type AddressRevocation, type AddressRevocationResult, revokeAddressInvite } from './revoke.ts';
import { startRun } from './run.ts';

/** Invites without HTTP: for the invite list of createRoom, and for bots. */
export interface InviteService<R extends Requester = Requester> {
  /**
   * Invites a user: decides by the room's rules and the host's policies, consumes the rate limits (all but `attempt`)
   * and appends the event.
   *
   * @param trace filled in when the invite ends, for metrics
   * @returns `alreadyInvited` if an invite is pending, `dropped` if a policy dropped it (neither stores an event)
   * @throws {MatrixError} (rejects) the refusal, or the failure with its `cause`
   */
  invite(request: InviteRequest<R>, trace?: InviteTrace): Promise<InviteResult>;

  /**
   * Invites the owner of an email address or a phone number: the user who has it, or else whoever proves to own it
   * later. It consumes the same rate limits as an invite, and never refunds them.
   *
   * @param trace filled in when the invite ends, for metrics
   * @returns `storedForAddress` if the invite waits in the room for the owner of the address, `alreadyInvited` if it did
   *   before; otherwise the result of inviting the user who has the address
   * @throws {MatrixError} (rejects) the refusal, or the failure with its `cause`
   */
  inviteByAddress(request: AddressInviteRequest<R>, trace?: InviteTrace): Promise<AddressInviteResult>;

  /**
   * Revokes an invite by address: whoever proves to own the address later is not invited. It needs the same power as an
   * invite.
   *
   * @throws {MatrixError} (rejects) 404 `M_NOT_FOUND` if the room has no invite with this token; otherwise the refusal,
   *   or the failure with its `cause`
   */
  revokeAddressInvite(revocation: AddressRevocation<R>): Promise<AddressRevocationResult>;

  /**
   * A dry run: returns what `invite` would do now, and why. It appends nothing and consumes no rate limits. It checks
   * limits only if their adapter has `peek`, and does not call `beforeAppend`. A moment later the result may differ.
   *
   * @throws {MatrixError} (rejects) 400 for an invalid Matrix ID, 500 or 503 when it cannot be decided
   */
  check(request: InviteCheckRequest<R>): Promise<InviteForecast>;

  /**
   * Completes the invites of users of other servers that a crash has interrupted, or gives them up if the room's rules
   * refuse them by now. Call it when the process starts, and then about once a minute, in every process. Without
   * `unfinished` of the option `federation`, it does nothing. Never rejects: failures are logged, and the next call tries
   * again.
   */
  resume(): Promise<ResumeResult>;

  /**
   * Makes all other methods reject with a 503 from now on (`resume` does nothing). Resolves when the running work is done
   * (appends, `onInvite`), or after the deadline at the latest. The host's handles stay open.
   */
  close(): Promise<void>;
}

/**
 * Creates the invite service.
 *
 * @throws {TypeError} for an unknown or missing option, or one of the wrong type
 * @see [errors, Router and service](../../docs/errors.md#router-and-service)
 */
export function createInviteService<R extends Requester = Requester>(
  options: InviteServiceOptions<R>,
): InviteService<R> {
  const config = serviceConfig(
    checkOptions<InviteServiceOptions<R>>('createInviteService', options, inviteServiceOptionChecks),
  );
  return {
    invite: (request, trace = { tries: 0 }) =>
      logged({ what: 'an invite', config, request, trace }, async (log) => {
        const { signal, resend = false } = request;
        config.background.throwIfClosed();
        throwIfMayNotInvite(request.requester, config.serverNames);
        checkInvite(request);
        return invite(startRun(config, requestOf(request), { trace, log, signal, resend }));
      }),
    inviteByAddress: (request, trace = { tries: 0 }) =>
      logged({ what: 'an invite by address', config, request, trace }, async (log) => {
        config.background.throwIfClosed();
        throwIfMayNotInvite(request.requester, config.serverNames);
        checkRoomId(request);
        return inviteByAddress(startAddressRun(config, request, { trace, log, signal: request.signal }));
      }),
    revokeAddressInvite(request) {
      const trace = { tries: 0 };
      return logged({ what: 'a revocation', config, request, trace }, async (log) => {
        config.background.throwIfClosed();
        throwIfMayNotInvite(request.requester, config.serverNames);
        checkRoomId(request);
        return revokeAddressInvite(config, request, { trace, log });
      });
    },
    check(request) {
      const trace = { tries: 0 };
      return logged({ what: 'an invite check', config, request, trace }, async (log) => {
        config.background.throwIfClosed();
        checkInvite(request);
        checkRequester(request.requester);
        return check(
          startRun(config, requestOf(request), { trace, log, signal: request.signal, resend: false }),
        );
      });
    },
    resume: resumeOf(config),
    close: () => closeService(config),
  };
}

/** @throws {MatrixError} 403 for a requester who may not invite at all, 500 for an invalid one */
function throwIfMayNotInvite(requester: Requester, serverNames: ReadonlySet<string>): void {
  checkRequester(requester);
  const refused = refuseRequester(requester, serverNames);
  if (refused !== undefined) throw refused.error;
}

/** See {@link InviteService.close}. */
export async function closeService<R extends Requester>({
  background,
  deadlineMs,
  thirdParty,
  federation,
  logger,
}: ServiceConfig<R>): Promise<void> {
  const addressMs = thirdParty === undefined ? 0 : thirdParty.timeoutMs + deadlineMs;
  const remoteMs = federation === undefined ? 0 : federation.timeoutMs + deadlineMs;
  const longestMs = addressMs + remoteMs + deadlineMs;
  const isDone = await background.close(longestMs);
  if (!isDone) logger.warn({}, 'Closed while an append or onInvite was still running');
}

/** Returns the part of a request that policies see, without anything else that a caller may have put there. */
function requestOf<R extends Requester>({
  requester,
  roomId,
  userId,
  reason,
}: PolicyRequest<R>): PolicyRequest<R> {
  return { requester, roomId, userId, reason };
}

type LoggedRequest = {
  /** The name of the request in its log line. */
  readonly what: string;
  readonly config: { readonly logger: Logger };
  readonly request: Pick<PolicyRequest, 'requester' | 'roomId'>;
  readonly trace: InviteTrace;
};

/** Runs the work of one request, and writes its log line. */
async function logged<Result extends AddressInviteResult | AddressRevocationResult | InviteForecast>(
  { what, config, request, trace }: LoggedRequest,
  work: (log: RequestLog) => Promise<Result>,
): Promise<Result> {
  const log = new RequestLog(config.logger);
  const { requester, roomId } = request;
  const details = () => ({ requesterId: requester.userId, roomId, ...trace });
  try {
    const result = await work(log);
    const outcome = 'outcome' in result ? { outcome: result.outcome } : { allowed: result.allowed };
    log.end(what, () => ({ ...details(), ...outcome }));
    return result;
  } catch (error) {
    log.end(what, details, toMatrixError(error));
    throw withStack(error);
  }
}
