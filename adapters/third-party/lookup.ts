import { createHash } from 'node:crypto';
import type { AddressInvite } from '../../src/ports/third-party.ts';
import { isUserId } from '../../src/rooms/identifiers.ts';
import { errcodeOf, fieldsOf } from '../shared/outbound/answer.ts';
import type { OutboundAnswer } from '../shared/outbound/client.ts';
import type { IdentityApi } from './api.ts';
import { errorOf, unusableAnswer } from './errors.ts';

/** How the addresses of a lookup are written. */
type HashDetails = { readonly algorithm: 'sha256' | 'none'; readonly pepper: string };

/**
 * Looks up the user that an address is bound to.
 *
 * @param plainLookup whether the address may be sent as it is
 * @returns undefined if it is bound to nobody
 * @throws {MatrixError} (rejects) if the identity server does not say
 * @see https://spec.matrix.org/v1.18/identity-service-api/#association-lookup
 */
export async function lookUp(
  api: IdentityApi,
  invite: AddressInvite,
  plainLookup: boolean,
): Promise<string | undefined> {
  let answer: OutboundAnswer;
  let query: string;
  // A pepper may change between the two requests. Twice in a row is no coincidence.
  for (let tries = 1; ; tries += 1) {
    const { algorithm, pepper } = hashDetailsOf(await api.get('hash_details'), plainLookup);
    query = queryOf(invite, algorithm, pepper);
    answer = await api.post('lookup', { algorithm, pepper, addresses: [query] }, true);
    if (errcodeOf(answer) !== 'M_INVALID_PEPPER' || tries === 2) break;
  }
  if (answer.status !== 200) throw errorOf(answer);
  const mappings = fieldsOf(answer)?.mappings;
  if (typeof mappings !== 'object' || mappings === null || Array.isArray(mappings)) {
    throw unusableAnswer(answer.unusable('lookup without mappings'));
  }
  if (!Object.hasOwn(mappings, query)) return undefined;
  const userId: unknown = Reflect.get(mappings, query);
  if (typeof userId === 'string' && isUserId(userId)) return userId;
  throw unusableAnswer(answer.unusable('lookup with an invalid user ID'));
}

function hashDetailsOf(answer: OutboundAnswer, plainLookup: boolean): HashDetails {
  if (answer.status !== 200) throw errorOf(answer);
  const { lookup_pepper: pepper, algorithms } = fieldsOf(answer) ?? {};
  if (typeof pepper !== 'string' || !Array.isArray(algorithms)) {
    throw unusableAnswer(answer.unusable('invalid hash_details'));
  }
  if (algorithms.includes('sha256')) return { algorithm: 'sha256', pepper };
  if (algorithms.includes('none') && plainLookup) return { algorithm: 'none', pepper };
  throw unusableAnswer(answer.unusable('no hash algorithm that may be used'));
}

function queryOf({ address, medium }: AddressInvite, algorithm: string, pepper: string): string {
  return algorithm === 'none'
    ? `${address} ${medium}`
    : createHash('sha256').update(`${address} ${medium} ${pepper}`).digest('base64url');
}
