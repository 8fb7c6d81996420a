import { generateKeyPairSync, sign } from 'node:crypto';
import { eventJsonOf } from '../../src/pdu/event-json.ts';
import { hashId } from '../../src/pdu/hashes.ts';
import { buildPdu, type PduParts, signingKey } from '../../src/pdu/index.ts';
import { rulesOf } from '../../src/pdu/room-version-of.ts';
import { signatureOf } from '../../src/pdu/sign.ts';

const ROOM_VERSION = '11';

/** A turn is so short that all three see the same state of the machine. */
const CALLS_PER_TURN = 50;

/** The CPU time of one call, in microseconds. */
export type SigningCosts = {
  /** `sign` of `node:crypto` alone, with the bytes that the signature of the event covers. */
  readonly sign: number;
  /** The content hash, the signature and the reference hash of the event. */
  readonly signAndHash: number;
  /** `buildPdu` whole. */
  readonly build: number;
};

/** Measures what the hashes and the signature of an invite cost, in turns. */
export class Signing {
  /** The number of bytes that are signed. */
  readonly bytes: number;
  readonly #calls: Readonly<Record<keyof SigningCosts, () => unknown>>;

  private constructor(bytes: number, calls: Readonly<Record<keyof SigningCosts, () => unknown>>) {
    this.bytes = bytes;
    this.#calls = calls;
  }

  static async create(): Promise<Signing> {
    const { privateKey } = generateKeyPairSync('ed25519');
    const signer = signingKey('ed25519:1', 'one.example', privateKey);
    const context = { signal: new AbortController().signal };
    const rules = rulesOf(ROOM_VERSION);
    const parts: PduParts = {
      event: {
        type: 'm.room.member',
        room_id: '!opaqueopaqueopaque:one.example',
        sender: '@alice:one.example',
        state_key: '@dave:two.example',
        origin_server_ts: Date.now(),
        content: { membership: 'invite', displayname: 'Dave', reason: 'Please join' },
      },
      roomVersion: ROOM_VERSION,
      prevEvents: [referenceNumber(5)],
      authEvents: [1, 2, 3, 4].map(referenceNumber),
      signer,
    };
    const { eventId, pdu } = await buildPdu(parts, context);
    const { hashes: _hashes, signatures: _signatures, ...fields } = pdu;
    const textsOf = () => {
      const texts = eventJsonOf(fields, rules);
      if (texts === undefined) throw new Error('the event has no canonical JSON');
      return texts;
    };
    const signed = Buffer.from(textsOf().essential);
    const signAndHash = async () => {
      const bytes = Buffer.from(textsOf().essential);
      const id = hashId(bytes, rules);
      await signatureOf(bytes, signer, context);
      return id;
    };
    if ((await signAndHash()) !== eventId)
      throw new Error('signAndHash and buildPdu returned different event IDs');
    return new Signing(signed.length, {
      sign: () => sign(null, signed, privateKey),
      signAndHash,
      build: () => buildPdu(parts, context),
    });
  }

  /** @param seconds of wall-clock time, for all three together */
  async measure(seconds: number): Promise<SigningCosts> {
    const micros = { sign: 0, signAndHash: 0, build: 0 };
    const names = ['sign', 'signAndHash', 'build'] as const;
    const until = performance.now() + seconds * 1_000;
    let turns = 0;
    do {
      for (const name of names) micros[name] += await cpuTimeOf(this.#calls[name]);
      turns += 1;
    } while (performance.now() < until);
    const costOf = (name: keyof SigningCosts) => micros[name] / turns / CALLS_PER_TURN;
    return { sign: costOf('sign'), signAndHash: costOf('signAndHash'), build: costOf('build') };
  }
}

async function cpuTimeOf(call: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < CALLS_PER_TURN; index += 1) await call();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function referenceNumber(depth: number) {
  return { eventId: `$${String(depth).padStart(43, 'a')}`, depth };
}
