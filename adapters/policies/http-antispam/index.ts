import type { InvitePolicy } from '../../../src/ports/policy.ts';
import { refusalFrom } from '../shared/refusal.ts';
import { ask } from './ask.ts';
import { decisionOf } from './decision.ts';
import { HttpAntispamError } from './failure.ts';
import { checkHttpAntispamOptions, type HttpAntispamOptions } from './options.ts';

export { HttpAntispamError, type HttpAntispamFailure } from './failure.ts';
export type { HttpAntispamOptions } from './options.ts';

/**
 * Asks a moderation service about each invite, by the protocol of synapse-http-antispam, which Draupnir and Meowlnir
 * speak: `POST <baseUrl>/user_may_invite` with `inviter`, `invitee` and `room_id`.
 *
 * ```ts
 * createInviteRouter({
 *   policies: [httpAntispam({ baseUrl: 'https://draupnir.example.org/api/1/spam_check', accessToken })],
 *   …
 * });
 * ```
 *
 * 2xx with a JSON object or nothing: no objection. 4xx with a JSON object: a refusal with the `errcode` of the service
 * (default `M_FORBIDDEN`) and its `error`, at most 500 characters, as 403; `status`, `errcode` and `message` take the
 * place of the service's. All else is a failure, for which `onFailure` decides: also 401, 404, 429 and others that are
 * about the request, and an answer that is late or has more than 64 KiB. No redirect is followed.
 *
 * @throws {TypeError} for unknown, missing and ill-typed options, for an `http:` address of another machine without
 *   `allowHttp`, and for `onFailure: 'allow'` without `onError`
 * @see [errors, Ready-made policies](../../../docs/errors.md#ready-made-policies)
 */
export function httpAntispam(options: HttpAntispamOptions): InvitePolicy {
  checkHttpAntispamOptions(options);
  const { accessToken, timeoutMs = 2_000, onFailure = 'refuse', onError, sendReason = false } = options;
  const { status, errcode, message } = options;
  const url = new URL(options.baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/user_may_invite`;
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
  };
  return {
    name: 'httpAntispam',
    async decide({ requester, userId, roomId, reason }, context) {
      const body = {
        inviter: requester.userId,
        invitee: userId,
        room_id: roomId,
        ...(sendReason && { reason }),
      };
      try {
        const refusal = decisionOf(await ask({ url, headers, body, timeoutMs }, context));
        return refusal && refusalFrom({ status, errcode, message }, refusal);
      } catch (error) {
        if (!(error instanceof HttpAntispamError)) throw error;
        onError?.(error);
        if (onFailure === 'refuse') throw error;
        return undefined;
      }
    },
  };
}
