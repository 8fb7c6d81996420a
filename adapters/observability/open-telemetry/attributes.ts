import type { IncomingMessage } from 'node:http';
import type { Attributes } from '@opentelemetry/api';
import type { RequestOutcome } from '../../../src/ports/outcome.ts';

/** The methods in the semantic conventions. Callers can send any number of others. */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']);

/** Returns the request's method, or undefined for one that is not in the conventions. */
export function methodOf({ method }: IncomingMessage): string | undefined {
  return method !== undefined && METHODS.has(method) ? method : undefined;
}

/** Returns the attributes of a span, without the unknown ones. */
export function attributesOf(
  outcome: RequestOutcome,
  request: IncomingMessage,
  includeIds: boolean,
): Attributes {
  const { status, requesterId, roomId, requestId } = outcome;
  const attributes: Attributes = {
    'http.request.method': methodOf(request) ?? '_OTHER',
    'http.response.status_code': status,
    'error.type': status >= 500 ? String(status) : undefined,
    'matrix_invite.outcome': outcome.outcome,
    'matrix_invite.errcode': outcome.errcode,
    'matrix_invite.scope': outcome.scope,
    'matrix_invite.policy': outcome.policy,
    'matrix_invite.reason': outcome.reason,
    'matrix_invite.tries': outcome.tries,
    'matrix_invite.failed_call': outcome.failedCall,
    'matrix_invite.remote_status': outcome.remoteStatus,
    ...(includeIds
      ? {
          'matrix_invite.requester_id': requesterId,
          'matrix_invite.room_id': roomId,
          'matrix_invite.request_id': requestId,
          'matrix_invite.remote_server': outcome.remoteServer,
        }
      : {}),
  };
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
