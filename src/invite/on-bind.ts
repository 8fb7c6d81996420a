import { isMatrixError } from '../errors.ts';
import { canonicalJson } from '../pdu/canonical-json.ts';
import { checksOf, keysThatSigned } from '../pdu/signatures.ts';
import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import { fieldOf } from '../rooms/content.ts';
import type { JsonObject, NewStateEvent, StrippedStateEvent } from '../rooms/event.ts';
import { isUserOf } from '../rooms/identifiers.ts';
import { find, memberKey, membershipIn } from '../rooms/room-state.ts';
import {
  decideThirdPartyInvite,
  type FindSigners,
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
import { identityFailure, toMatrixError, unavailable } from './refusals.ts';
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

type BindOptions = {
  readonly log: Logger;
  /** Counts work, in units: an invite, a KiB of what was signed, or a check of a signature. */
  readonly spend: (units: number) => void;
};

/** The number of invites of a request that are processed at once. */
const CONCURRENCY = 16;

/**
 * The number of signature checks in a request, after which the rest has to wait for its repetition: each takes up to half
 * a millisecond, and nothing else runs meanwhile. A repetition checks no signature of an invite that is appended.
 */
const MAX_CHECKS_OF_REQUEST = 1_000;

/** The parameter of every step. */
type BindRun = Pick<BindOptions, 'log' | 'spend'> & {
  readonly config: OnBindConfig;
  readonly userId: string;
  readonly deadline: Deadline;
  /** The number of signature checks so far. */
  checks: number;
  /** The number of invites that were permanently refused, by reason. */
  readonly refused: Map<string, number>;
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
  { log, spend }: BindOptions,
): Promise<void> {
  const deadline = new Deadline(config.thirdParty.timeoutMs + config.deadlineMs);
  const run: BindRun = {
    config,
    userId,
    deadline,
    log,
    spend,
    checks: 0,
    refused: new Map(),
    tokens: new Set(),
    validity: new Map(),
  };
  try {
    if (!isUserOf(config.serverNames, userId)) return refuse(run, 'the user is not on this server');
    const request = { userId };
    if (!(await inviteeExists({ config, request, deadline }))) return refuse(run, 'there is no such user');
    if (await isInviteBlocked({ config, request, deadline })) return refuse(run, 'the user blocks invites');
    await bindAll(run, invites);
  } catch (error) {
    throw toMatrixError(error);
  } finally {
    deadline.end();
    if (run.refused.size > 0) {
      const reasons = Object.fromEntries(run.refused);
      log.info({ reasons }, 'Invites by address were refused when their address was bound');
    }
  }
}

/** @throws (rejects) the first failure, once all invites have been tried */
async function bindAll(run: BindRun, invites: readonly BoundInvite[]): Promise<void> {
  const failures: unknown[] = [];
  const waiting = inTurn(invites).values();
  const work = async () => {
    for (const invite of waiting)
      await bindInvite(run, invite).catch((error: unknown) => failures.push(error));
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  if (failures.length > 0) throw failures[0];
}

/** Returns the invites so that each inviter's first one comes before everybody's second: nobody is behind a flood. */
function inTurn(invites: readonly BoundInvite[]): BoundInvite[] {
  const seen = new Map<string, number>();
  const turns = invites.map((invite) => {
    const turn = seen.get(invite.sender) ?? 0;
    seen.set(invite.sender, turn + 1);
    return { invite, turn };
  });
  return turns.sort((one, other) => one.turn - other.turn).map(({ invite }) => invite);
}

/** Resolves when the invite is appended, or permanently refused. */
async function bindInvite(run: BindRun, { roomId, sender, signed }: BoundInvite): Promise<void> {
  const { config, userId, deadline, log } = run;
  // The event needs a signature of the sender's server.
  if (!isUserOf(config.serverNames, sender)) return refuse(run, 'the inviter is not on this server');
  const token = fieldOf(signed, 'token');
  // A signature does not cover all of it, and all of it becomes part of the event.
  const canonical = canonicalJson(signed);
  run.spend(1 + Math.floor((canonical?.length ?? 0) / 1_024));
  if (typeof token !== 'string' || canonical === undefined) return refuse(run, 'signedMalformed');
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
        const findSigners = isMember(snapshot.events, userId) ? everyKey : countedChecks(run);
        const decision = decideThirdPartyInvite(snapshot.events, inviter, userId, signed, findSigners);
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

/** An invite of somebody who is joined or invited changes nothing, so it does not matter who has signed it. */
const everyKey: FindSigners = (_signed, publicKeys) => publicKeys;

function isMember(events: readonly StrippedStateEvent[], userId: string): boolean {
  const membership = membershipIn(find(events, memberKey(userId)));
  return membership === 'join' || membership === 'invite';
}

/** Returns `keysThatSigned`, which throws a {@link MatrixError} once the request has had too many signatures checked. */
function countedChecks(run: BindRun): FindSigners {
  return (signed, publicKeys) => {
    if (run.checks >= MAX_CHECKS_OF_REQUEST)
      throw unavailable(new Error('Too many signatures in one onbind'));
    const checks = checksOf(signed, publicKeys);
    run.checks += checks;
    run.spend(checks);
    return keysThatSigned(signed, publicKeys);
  };
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
function refuse({ refused }: BindRun, reason: string): void {
  refused.set(reason, (refused.get(reason) ?? 0) + 1);
}
