import { isMatrixError } from '../errors.ts';
import { canonicalJson } from '../pdu/canonical-json.ts';
import { keysThatSigned } from '../pdu/signatures.ts';
import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import { fieldOf } from '../rooms/content.ts';
import type { JsonObject, NewStateEvent, StrippedStateEvent } from '../rooms/event.ts';
import { isUserOf } from '../rooms/identifiers.ts';
import { find } from '../rooms/room-state.ts';
import {
  decideThirdPartyInvite,
  type ThirdPartyKey,
  thirdPartyInviteStateKeys,
  tokenKey,
} from '../rooms/third-party-invite-rule.ts';
import { type AppendedState, appendState } from './append-state.ts';
import type { ServiceConfig } from './config.ts';
import { Deadline } from './deadline.ts';
import { inviteeExists, isInviteBlocked } from './decide.ts';
import { isRefused, type Refused } from './decision.ts';
import { isSameInvite, unlessTooLarge } from './event.ts';
import { notifyOnInvite } from './notify.ts';
import { identityFailure, toMatrixError } from './refusals.ts';
import type { ThirdPartyConfig } from './third-party-config.ts';

/** An invite by address whose address now belongs to a user. */
export type BoundInvite = {
  readonly roomId: string;
  /** The user ID of the inviter. */
  readonly sender: string;
  /** What the identity server has signed: the token and the user ID. */
  readonly signed: JsonObject;
};

export type OnBindConfig = Pick<
  ServiceConfig,
  'serverNames' | 'storage' | 'users' | 'onInvite' | 'background' | 'deadlineMs'
> & { readonly thirdParty: ThirdPartyConfig };

/** The parameter of every step. */
type BindRun = {
  readonly config: OnBindConfig;
  readonly userId: string;
  readonly deadline: Deadline;
  readonly log: Logger;
  /** The tokens of the request so far, with their rooms. */
  readonly tokens: Set<string>;
  /** The validity of each key that was asked about. Most invites of a request have the same one. */
  readonly validity: Map<string, Promise<boolean>>;
};

/**
 * Turns invites by address into invites of the user who owns the address now. Only the signatures are trusted.
 *
 * It resolves when each is appended or permanently refused: an identity server repeats a request that fails.
 *
 * @throws {MatrixError} (rejects) 500, 502, 503 or 504 if one of them failed, and may succeed later
 */
export async function bindInvites(
  config: OnBindConfig,
  { userId, invites }: { readonly userId: string; readonly invites: readonly BoundInvite[] },
  log: Logger,
): Promise<void> {
  const deadline = new Deadline(config.thirdParty.timeoutMs + config.deadlineMs);
  const run = { config, userId, deadline, log, tokens: new Set<string>(), validity: new Map() };
  try {
    if (!isUserOf(config.serverNames, userId)) return refuse(run, 'the user is not on this server');
    const request = { userId };
    if (!(await inviteeExists({ config, request, deadline }))) return refuse(run, 'there is no such user');
    if (await isInviteBlocked({ config, request, deadline })) return refuse(run, 'the user blocks invites');
    const results = await Promise.allSettled(invites.map((invite) => bindInvite(run, invite)));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  } catch (error) {
    throw toMatrixError(error);
  } finally {
    deadline.end();
  }
}

/** Resolves when the invite is appended, or permanently refused. */
async function bindInvite(run: BindRun, { roomId, sender, signed }: BoundInvite): Promise<void> {
  const { config, userId, deadline, log } = run;
  // The event needs a signature of the sender's server.
  if (!isUserOf(config.serverNames, sender)) return refuse(run, 'the inviter is not on this server');
  const token = fieldOf(signed, 'token');
  // A signature does not cover all of it, and all of it becomes part of the event.
  if (typeof token !== 'string' || canonicalJson(signed) === undefined) return refuse(run, 'signedMalformed');
  // Each takes signature checks and a question about a key, and nobody has to log in.
  const name = JSON.stringify([roomId, token]);
  if (run.tokens.has(name)) return refuse(run, 'its token is in the request twice');
  run.tokens.add(name);
  const notify = (appended: AppendedState) =>
    notifyOnInvite(config, log, { requester: { userId: appended.event.sender }, ...appended });
  const result = await appendState<Requester, undefined>(
    { config, roomId, deadline },
    {
      keys: thirdPartyInviteStateKeys(userId, token),
      async decide(snapshot, tried) {
        // The identity server names whoever had the mail sent. If that request failed afterwards, another member's request
        // has stored the event.
        const inviter = find(snapshot.events, tokenKey(token))?.sender ?? sender;
        if (!isUserOf(config.serverNames, inviter)) {
          refuse(run, 'the inviter is not on this server');
          return { ended: undefined };
        }
        const decision = decideThirdPartyInvite(snapshot.events, inviter, userId, signed, keysThatSigned);
        switch (decision.decision) {
          case 'createEventMissing':
            throw new Error('The storage adapter returned a room without an m.room.create event');
          case 'refused':
            refuse(run, decision.reason);
            return { ended: undefined };
          case 'alreadyMember': {
            const { member } = decision;
            if (tried && isSameInvite(tried, member)) notify({ event: tried, eventId: member.event_id });
            return { ended: undefined };
          }
          case 'allowed': {
            const event = inviteByToken(decision.thirdPartyInvite, { roomId, userId, signed });
            if (isRefused(event)) refuse(run, 'the event would be too large');
            else if (await hasValidKey(run, decision.keys)) return { event, basis: snapshot };
            else refuse(run, 'the key is no longer valid');
            return { ended: undefined };
          }
        }
      },
      whenLate: notify,
    },
  );
  if (result === undefined) refuse(run, 'there is no such room');
  else if ('refused' in result) refuse(run, 'the store refused');
  else if ('appended' in result) notify(result.appended);
}

/**
 * Returns true if one of the keys is valid.
 *
 * @throws {MatrixError} (rejects) if no key is valid, and one could not be checked
 */
async function hasValidKey(run: BindRun, keys: readonly ThirdPartyKey[]): Promise<boolean> {
  let failure: unknown;
  for (const key of keys) {
    try {
      if (await isValid(run, key)) return true;
    } catch (error) {
      failure = error;
    }
  }
  if (failure !== undefined) throw isMatrixError(failure) ? failure : identityFailure(failure);
  return false;
}

async function isValid(
  { config: { thirdParty }, deadline, validity }: BindRun,
  { public_key: publicKey, key_validity_url: keyValidityUrl }: ThirdPartyKey,
): Promise<boolean> {
  if (keyValidityUrl === undefined) return true;
  const name = JSON.stringify([publicKey, keyValidityUrl]);
  const known = validity.get(name);
  if (known !== undefined) return known;
  const asked = deadline
    .call('isKeyValid', (context) => thirdParty.identity.isKeyValid({ publicKey, keyValidityUrl }, context))
    .then((answer: unknown) => answer === true);
  validity.set(name, asked);
  return asked;
}

/**
 * Returns the invite of the user who owns the address of an earlier event.
 *
 * @see https://spec.matrix.org/v1.18/client-server-api/#third-party-invites
 */
function inviteByToken(
  { sender, content }: StrippedStateEvent,
  {
    roomId,
    userId,
    signed,
  }: { readonly roomId: string; readonly userId: string; readonly signed: JsonObject },
): NewStateEvent | Refused {
  const display_name = fieldOf(content, 'display_name') ?? '';
  return unlessTooLarge({
    room_id: roomId,
    type: 'm.room.member',
    state_key: userId,
    sender,
    origin_server_ts: Date.now(),
    content: { membership: 'invite', third_party_invite: { display_name, signed } },
  });
}

/** A permanent refusal is no error: an identity server would repeat the request forever. */
function refuse({ log }: BindRun, reason: string): void {
  log.info({}, `An invite by address was refused when its address was bound: ${reason}`);
}
