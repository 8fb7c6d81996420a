import { defaultLogger, writeLine } from '../../../src/internal/logger.ts';
import { handleRejection } from '../../../src/internal/unawaited.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { InvitePolicy, PolicyDecision } from '../../../src/ports/policy.ts';
import { refusalFrom } from '../shared/refusal-options.ts';
import { HttpAntispamError } from './error.ts';
import { checkHttpAntispamOptions, type HttpAntispamOptions } from './options.ts';
import { askService } from './service.ts';

export { HttpAntispamError, type HttpAntispamFailure } from './error.ts';
export type { HttpAntispamOptions } from './options.ts';

/**
 * Asks a moderation service about each invite, with the protocol of synapse-http-antispam, which Draupnir and
 * Meowlnir support: `POST <baseUrl>/user_may_invite` with `inviter`, `invitee` and `room_id`.
 *
 * ```ts
 * createInviteRouter({
 *   policies: [httpAntispam({ baseUrl: 'https://draupnir.example.org/api/1/spam_check', accessToken })],
 *   …
 * });
 * ```
 *
 * With `sendAddresses`, it also asks about invites by address: `POST <baseUrl>/user_may_send_3pid_invite` with `inviter`,
 * `medium`, `address` and `room_id`.
 *
 * A 2xx with a JSON object or no body means no objection. A 4xx with a JSON object becomes a 403 with the
 * service's `errcode` (`M_FORBIDDEN` if it has none) and its `error`, at most 500 characters. The options
 * `status`, `errcode` and `message` replace those of the service. Anything else is a failure, for which
 * `onFailure` decides. This includes a 401, 404, 429 and other statuses that are about the request, and a
 * response that takes too long or exceeds 64 KiB. Redirects are not followed.
 *
 * @throws {TypeError} for unknown, missing and invalid options, for an `http:` URL to another machine without
 *   `allowInsecureHttp`, and for `onFailure: 'allow'` without `onError`
 * @see [errors, Ready-made policies](../../../docs/errors.md#ready-made-policies)
 */
export function httpAntispam(options: HttpAntispamOptions): InvitePolicy {
  const checked = checkHttpAntispamOptions(options);
  const {
    accessToken,
    timeoutMs = 2_000,
    onFailure = 'refuse',
    onError,
    sendReason,
    sendAddresses,
  } = checked;
  const { status, errcode, message } = checked;
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
  };
  const ask = async (callback: string, body: object, context: CallContext): Promise<PolicyDecision> => {
    const url = new URL(checked.baseUrl);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/${callback}`;
    try {
      const refusal = await askService({ url, headers, body, timeoutMs }, context);
      return refusal && refusalFrom({ status, errcode, message }, refusal);
    } catch (error) {
      if (!(error instanceof HttpAntispamError)) throw error;
      handleRejection(onError?.(error), onErrorFailed);
      if (onFailure === 'refuse') throw error;
      return undefined;
    }
  };
  return {
    name: 'httpAntispam',
    decide({ requester, userId, roomId, reason }, context) {
      const body = { inviter: requester.userId, invitee: userId, room_id: roomId };
      return ask('user_may_invite', sendReason ? { ...body, reason } : body, context);
    },
    ...(sendAddresses && {
      decideByAddress({ requester, medium, address, roomId }, context) {
        const body = { inviter: requester.userId, medium, address, room_id: roomId };
        return ask('user_may_send_3pid_invite', body, context);
      },
    }),
  };
}

/**
 * Not awaited, so that an `onError` that hangs delays no invite. A policy has no logger of its own, so a rejection goes
 * to the console.
 */
function onErrorFailed(err: unknown): void {
  writeLine(defaultLogger, 'error', { err }, 'httpAntispam: onError rejected');
}
