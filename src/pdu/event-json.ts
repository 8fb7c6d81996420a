import type { RoomVersionRules } from '../rooms/room-version.ts';
import { visitCanonicalMembers } from './canonical-json.ts';
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
  const kept = redacted(fields, rules);
  let all = '';
  let before = '';
  let after = '';
  const isCanonical = visitCanonicalMembers(fields, (key, member) => {
    all += all === '' ? member : `,${member}`;
    if (!Object.hasOwn(kept, key)) return;
    const part = key === 'content' ? `"content":${canonicalText(kept.content, rules)}` : member;
    if (key < 'hashes') before += `${part},`;
    else after += `,${part}`;
  });
  if (!isCanonical) return undefined;
  const unsigned = `{${all}}`;
  const contentHash = sha256(unsigned);
  return { unsigned, contentHash, essential: `{${before}"hashes":{"sha256":"${contentHash}"}${after}}` };
}
