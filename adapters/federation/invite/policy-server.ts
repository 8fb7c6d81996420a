import { MatrixError } from '../../../src/errors.ts';
import type { Pdu } from '../../../src/pdu/pdu.ts';
import { verifyPdu } from '../../../src/pdu/verify.ts';
import { fieldOf } from '../../../src/rooms/content.ts';
import { POLICY_KEY_ID, type PolicyServer } from '../../../src/rooms/policy-server.ts';
import { errcodeOf, retryAfterMsOf } from '../../shared/outbound/answer.ts';
import type { OutboundAnswer } from '../../shared/outbound/client.ts';
import type { ServerSignatures } from './answer.ts';
import { causeOf, InviteFailure, textOf, unusable } from './errors.ts';
import type { Ask } from './send.ts';

const MAX_BYTES = 16_384;

/** A policy server may sign at the second request what it did not sign at the first. */
const MAX_TRIES = 2;

/** An error code of the specification. It is shown to clients and written into logs, so it must not be just any string. */
const ERRCODE = /^M_[A-Z0-9_]{1,62}$/;

/** Clients log out when they get these. */
const ABOUT_TOKENS: readonly string[] = ['M_UNKNOWN_TOKEN', 'M_MISSING_TOKEN'];

/** Returns true if an event has the signature of the policy server. */
export function isSignedByPolicyServer(pdu: Pdu, roomVersion: string, policy: PolicyServer): boolean {
  const keys = new Map([[POLICY_KEY_ID, policy.publicKey]]);
  return verifyPdu(pdu, roomVersion, policy.serverName, keys) === 'valid';
}

/**
 * Has the policy server of a room sign an event, and returns its signature.
 *
 * @throws {InviteFailure} (rejects) if it does not
 * @throws {OutboundError} (rejects) if it does not respond
 * @see https://spec.matrix.org/v1.18/server-server-api/#asking-for-a-policy-server-signature-on-an-event
 */
export async function signedByPolicyServer(
  policy: PolicyServer,
  pdu: Pdu,
  roomVersion: string,
  ask: Ask,
): Promise<ServerSignatures> {
  for (let tries = 1; ; tries += 1) {
    const answer = await ask(policy.serverName, {
      method: 'POST',
      path: '/_matrix/policy/v1/sign',
      body: pdu,
      maxBytes: MAX_BYTES,
    });
    if (answer.status !== 200) throw refusalOf(answer);
    const signature = fieldOf(fieldOf(answer.json, policy.serverName), POLICY_KEY_ID);
    if (typeof signature === 'string') {
      const signatures = { [POLICY_KEY_ID]: signature };
      const signed = { ...pdu, signatures: { [policy.serverName]: signatures } };
      if (isSignedByPolicyServer(signed, roomVersion, policy)) return signatures;
    }
    if (tries === MAX_TRIES) {
      throw new InviteFailure('refused', unusable(answer.unusable('no valid signature')));
    }
  }
}

/** Returns the failure for an error response. Errors that are for clients are passed on unchanged. */
function refusalOf(answer: OutboundAnswer): InviteFailure {
  const { status } = answer;
  const errcode = errcodeOf(answer);
  const cause = causeOf(answer);
  const message = textOf(answer) ?? 'The policy server of the room refuses the invite';
  switch (status) {
    case 400:
    case 403:
      if (errcode !== undefined && ERRCODE.test(errcode) && !ABOUT_TOKENS.includes(errcode)) {
        return new InviteFailure('refused', new MatrixError(status, errcode, message, { cause }));
      }
      break;
    case 404:
      return new InviteFailure('refused', new MatrixError(403, 'M_FORBIDDEN', message, { cause }));
    case 429:
      return new InviteFailure(
        'refused',
        new MatrixError(
          429,
          'M_LIMIT_EXCEEDED',
          'The policy server of the room has received too many requests',
          {
            retryAfterMs: retryAfterMsOf(answer),
            cause,
          },
        ),
      );
  }
  return new InviteFailure('notSent', unusable(cause));
}
