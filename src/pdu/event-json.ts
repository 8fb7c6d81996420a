import type { RoomVersionRules } from '../rooms/room-version.ts';
import { canonicalMembers } from './canonical-json.ts';
import { canonicalText, sha256 } from './hashes.ts';
import type { UnsignedPdu } from './pdu.ts';
import { redacted } from './redaction.ts';

/** The canonical JSON of an event. */
export type EventJson = {
  /** What the content hash covers: the event without hashes and signatures. */
  readonly unsigned: string;
  /** The content hash, in unpadded base64. */
  readonly contentHash: string;
  /** What the signatures and the reference hash cover: what redaction keeps, and the content hash. */
  readonly essential: string;
};

/**
 * Returns the canonical JSON of an event without hashes and signatures, or `undefined` if it has none. What both strings
 * contain is written once.
 */
export function eventJsonOf(fields: UnsignedPdu, rules: RoomVersionRules): EventJson | undefined {
  const members = canonicalMembers(fields);
  if (members === undefined) return undefined;
  const unsigned = `{${members.map(({ text }) => text).join(',')}}`;
  const contentHash = sha256(unsigned);
  const kept = redacted(fields, rules);
  const before: string[] = [];
  const after: string[] = [];
  for (const { key, text } of members) {
    if (!Object.hasOwn(kept, key)) continue;
    const part = key === 'content' ? `"content":${canonicalText(kept.content, rules)}` : text;
    (key < 'hashes' ? before : after).push(part);
  }
  const essential = `{${[...before, `"hashes":{"sha256":"${contentHash}"}`, ...after].join(',')}}`;
  return { unsigned, contentHash, essential };
}
