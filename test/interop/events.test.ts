import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lenientCanonicalJson } from '../../src/pdu/canonical-json.ts';
import {
  eventIdOf,
  hasValidContentHash,
  type Pdu,
  referenceTo,
  signJson,
  signPdu,
} from '../../src/pdu/index.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
import { context, domain, SEED } from '../pdu/signer.ts';
import { canonicalObject, canonicalValue } from '../pdu/support.ts';
import { VERSIONS, versions } from '../rooms/support.ts';
import { pythonWithSynapse, SYNAPSE_VERSION } from './python.ts';

const SCRIPT = fileURLToPath(new URL('events.py', import.meta.url));
const EVENTS = 100_000;
const BATCH = 10_000;

/** What the other implementations say of an event. */
type Opinion = {
  readonly canonical: string;
  readonly contentHash: string;
  readonly referenceHash: string;
  readonly eventSignature: string;
  readonly jsonSignature: string;
};

/** Types whose contents redaction treats in different ways, and the keys of those contents. */
const TYPES = [
  'member',
  'create',
  'join_rules',
  'power_levels',
  'aliases',
  'history_visibility',
  'redaction',
  'name',
];
const KEPT = [
  ...[
    'membership',
    'join_authorised_via_users_server',
    'creator',
    'room_version',
    'join_rule',
    'allow',
    'aliases',
  ],
  ...[
    'ban',
    'events',
    'events_default',
    'invite',
    'kick',
    'redact',
    'state_default',
    'users',
    'users_default',
  ],
  ...['history_visibility', 'redacts', 'notifications', 'reason'],
];

const dictionary = (keys: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...keys), canonicalValue, { maxKeys: 6 });
const thirdPartyInvite = fc.oneof(canonicalValue, dictionary(['signed', 'display_name']));
const content: fc.Arbitrary<JsonObject> = fc
  .tuple(dictionary(KEPT), canonicalObject, fc.option(thirdPartyInvite, { nil: undefined }))
  .map(([kept, others, invite]) => ({
    ...others,
    ...kept,
    ...(invite === undefined ? {} : { third_party_invite: invite }),
  }));
const other = dictionary(['origin', 'membership', 'prev_state', 'redacts', 'unsigned', 'org.example.key']);

/** Floats that Python and JavaScript write alike. */
const float = fc.integer({ min: -1_000_000, max: 1_000_000 }).map((number) => number + 0.5);

const event: fc.Arbitrary<readonly [string, JsonObject]> = fc
  .record({
    version: fc.constantFrom(...VERSIONS),
    type: fc.oneof(fc.constantFrom(...TYPES.map((name) => `m.room.${name}`)), fc.string()),
    content,
    other,
    unsigned: fc.option(canonicalObject, { nil: undefined }),
    stateKey: fc.option(fc.string(), { nil: undefined }),
    float,
  })
  .map(
    ({
      version,
      type,
      content: given,
      other: { unsigned: _unsigned, ...rest },
      unsigned,
      stateKey,
      float: half,
    }) => [
      version,
      {
        ...rest,
        type,
        content: versions(1, 5).includes(version) ? { ...given, half } : given,
        sender: '@a:domain',
        origin_server_ts: 1,
        depth: 1,
        auth_events: [],
        prev_events: [],
        hashes: { sha256: 'x' },
        // Synapse redacts the room ID of any create event in version 12, where a valid one has none.
        ...(version === '12' && type === 'm.room.create' ? {} : { room_id: '!r:domain' }),
        ...(versions(1, 2).includes(version) ? { event_id: '$e:domain' } : {}),
        ...(unsigned === undefined ? {} : { unsigned }),
        ...(stateKey === undefined ? {} : { state_key: stateKey }),
      },
    ],
  );

/** Asks the other implementations. */
async function ask(events: readonly (readonly [string, JsonObject])[]): Promise<Opinion[]> {
  const python = await pythonWithSynapse();
  const child = spawn(python, [SCRIPT, SEED.toString('base64').replace(/=+$/, '')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(events.map((each) => `${JSON.stringify(each)}\n`).join(''));
  const opinions: Opinion[] = [];
  for await (const line of createInterface({ input: child.stdout }))
    opinions.push(JSON.parse(line) as Opinion);
  return opinions;
}

describe('random events', () => {
  it(`have the canonical JSON, hashes and signatures that Synapse ${SYNAPSE_VERSION} gives them`, async () => {
    for (let done = 0; done < EVENTS; done += BATCH) {
      const events = fc.sample(event, BATCH);
      const opinions = await ask(events);
      expect(opinions).toHaveLength(events.length);
      for (const [index, [version, pdu]] of events.entries()) {
        const theirs = opinions[index];
        const ours = await opinionOf(version, pdu as Pdu, theirs?.contentHash ?? '');
        // `expect` alone would take most of the time.
        if (!isDeepStrictEqual(ours, theirs))
          expect({ version, pdu, ...ours }).toEqual({ version, pdu, ...theirs });
      }
    }
  }, 3_600_000);
});

/** Returns what this package says of an event. */
async function opinionOf(version: string, pdu: Pdu, contentHash: string): Promise<Opinion> {
  const hashed = { ...pdu, hashes: { sha256: contentHash } };
  const { content: _content, ...rest } = pdu;
  return {
    canonical: lenientCanonicalJson(pdu) ?? '',
    contentHash: hasValidContentHash(hashed, version) ? contentHash : '',
    referenceHash: versions(1, 2).includes(version)
      ? (referenceTo(pdu, version).sha256 ?? '')
      : eventIdOf(pdu, version).slice(1).replaceAll('-', '+').replaceAll('_', '/'),
    eventSignature: signatureIn(await signPdu(pdu, version, domain, context)),
    jsonSignature: signatureIn(await signJson(rest, domain, context)),
  };
}

function signatureIn({ signatures }: { signatures: Pdu['signatures'] }): string {
  return signatures.domain?.['ed25519:1'] ?? '';
}
