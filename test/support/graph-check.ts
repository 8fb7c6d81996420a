import { expect } from 'vitest';
import type { MemoryGraphStorage } from '../../adapters/storage/memory-graph/index.ts';
import type { SqliteGraphStorage } from '../../adapters/storage/sqlite-graph/index.ts';
import { eventIdOf, hasValidContentHash, type Pdu, verifyPdu } from '../../src/pdu/index.ts';
import type { StateEvent } from '../../src/rooms/event.ts';
import { SIGNER } from './graph-room.ts';
import { inTime, member, stateEvent } from './storage-room.ts';

const KEYS = new Map([[SIGNER.keyId, SIGNER.publicKey]]);

/**
 * Checks the whole graph of a room: IDs, hashes, signatures, references and depths, and that its ends are the events that
 * no other one follows. Returns its log.
 */
export async function checkGraph(
  store: MemoryGraphStorage | SqliteGraphStorage,
  roomId: string,
  roomVersion = '11',
): Promise<StateEvent[]> {
  const log = (await store.timeline(roomId, { limit: 1_000_000 }))?.events ?? [];
  const page = await store.pdus(roomId, { limit: 1_000_000 });
  const known = new Map<string, Pdu>();
  const ends = new Set<string>();
  for (const { eventId, pdu } of page?.events ?? []) {
    expect(eventIdOf(pdu, roomVersion)).toBe(eventId);
    expect(hasValidContentHash(pdu, roomVersion)).toBe(true);
    expect(verifyPdu(pdu, roomVersion, SIGNER.serverName, KEYS)).toBe('valid');
    const [prev, auth] = [idsIn(pdu.prev_events), idsIn(pdu.auth_events)];
    for (const reference of [...prev, ...auth]) expect(known.has(reference)).toBe(true);
    expect(pdu.depth).toBe(Math.max(0, ...prev.map((id) => Number(known.get(id)?.depth))) + 1);
    expect(prev.length).toBeLessThanOrEqual(20);
    known.set(eventId, pdu);
    for (const reference of prev) ends.delete(reference);
    ends.add(eventId);
  }
  expect(log.map(({ event_id }) => event_id)).toEqual([...known.keys()]);
  for (const { event_id, type, state_key, sender, content } of log) {
    const {
      type: ofType,
      state_key: ofKey,
      sender: ofSender,
      content: ofContent,
    } = known.get(event_id) ?? {};
    expect([ofType, ofKey, ofSender, ofContent]).toEqual([type, state_key, sender, content]);
  }
  await checkEnds(store, roomId, ends);
  return log;
}

/** Checks the ends by what the next event follows. */
async function checkEnds(
  store: MemoryGraphStorage | SqliteGraphStorage,
  roomId: string,
  ends: ReadonlySet<string>,
): Promise<void> {
  const invitee = member('@the-next:remote.example.com');
  const basis = await store.readState(roomId, [invitee], inTime());
  if (basis === undefined) throw new Error(`There is no room ${roomId}`);
  const result = await store.build(stateEvent(roomId, invitee, { membership: 'invite' }), basis, inTime());
  if (result.outcome !== 'built') throw new Error(result.outcome);
  await store.discard(result.invite, inTime());
  const next = idsIn(result.invite.pdu.prev_events);
  expect(next).toHaveLength(Math.min(20, ends.size));
  for (const id of next) expect(ends.has(id)).toBe(true);
}

function idsIn(references: Pdu['auth_events']): string[] {
  return references.map((reference) => String(Array.isArray(reference) ? reference[0] : reference));
}
