import { describe, expect, it, vi } from 'vitest';
import type { MemoryGraphStorage } from '../../../adapters/storage/memory-graph/index.ts';
import { MatrixError, StorageUnavailableError } from '../../../src/errors.ts';
import { signPdu } from '../../../src/pdu/index.ts';
import type { BuildResult, BuiltInvite, RoomGraph } from '../../../src/ports/room-graph.ts';
import type { JsonObject } from '../../../src/rooms/event.ts';
import { deferred, refusalOf } from '../../invite/support.ts';
import { newSigner } from '../../support/federation-inbox.ts';
import { type SetUp, SIGNER, setUp } from './matrix-support.ts';

const context = { signal: new AbortController().signal };

/** A graph whose `build` resolves something else than that of a correct one. */
function building(
  change: (invite: BuiltInvite) => BuildResult | BuiltInvite | Promise<BuildResult | BuiltInvite>,
): Pick<SetUp, 'graph'> {
  const graph = (store: MemoryGraphStorage): RoomGraph => ({
    async build(...call) {
      const result = await store.build(...call);
      if (result.outcome !== 'built') return result;
      const changed = await change(structuredClone(result.invite));
      return 'outcome' in changed ? changed : { outcome: 'built', invite: changed };
    },
    append: (...call) => store.append(...call),
    hasJoinedMember: (...call) => store.hasJoinedMember(...call),
    discard: (...call) => store.discard(...call),
    unfinished: (...call) => store.unfinished(...call),
  });
  return { graph };
}

const withPdu = (change: (pdu: BuiltInvite['pdu']) => JsonObject | Promise<JsonObject>) =>
  building(async (invite) => ({ ...invite, pdu: (await change(invite.pdu)) as BuiltInvite['pdu'] }));

/** Promises of `build` that a graph can break. Nothing of it must leave the house. */
const broken: readonly (readonly [title: string, given: Pick<SetUp, 'graph'>, fault: string])[] = [
  [
    'an unknown room version',
    building((invite) => ({ ...invite, roomVersion: '99' })),
    'roomVersion is unknown',
  ],
  ['another event ID', building((invite) => ({ ...invite, eventId: '$x' })), "eventId is not the event's"],
  ['no invite state', building((invite) => ({ ...invite, inviteState: [] })), 'm.room.create'],
  [
    'invite state that is no event',
    building((invite) => ({ ...invite, inviteState: JSON.parse('[null]') })),
    'inviteState must be a list of PDUs',
  ],
  [
    'invite state that is no JSON',
    building((invite) => ({
      ...invite,
      inviteState: invite.inviteState.map((pdu) => ({ ...pdu, unsigned: { age: Number.NaN } })),
    })),
    'inviteState must be a list of PDUs',
  ],
  ['another invitee', withPdu((pdu) => ({ ...pdu, state_key: '@eve:two.test' })), 'another event'],
  ['another sender', withPdu((pdu) => ({ ...pdu, sender: '@eve:one.test' })), 'another event'],
  ['another room', withPdu((pdu) => ({ ...pdu, room_id: `!${'a'.repeat(43)}` })), 'another event'],
  ['another type', withPdu((pdu) => ({ ...pdu, type: 'm.room.name' })), 'another event'],
  ['another content', withPdu((pdu) => ({ ...pdu, content: { membership: 'join' } })), 'another event'],
  ['an origin', withPdu((pdu) => ({ ...pdu, origin: 'one.test' })), 'no origin'],
  ['an event_id', withPdu((pdu) => ({ ...pdu, event_id: '$x:one.test' })), 'no event_id'],
  ['no depth', withPdu(({ depth: _, ...pdu }) => pdu), 'depth must be'],
  ['too many prev_events', withPdu((pdu) => ({ ...pdu, prev_events: Array(21).fill('$x') })), 'prev_events'],
  ['too many auth_events', withPdu((pdu) => ({ ...pdu, auth_events: Array(11).fill('$x') })), 'auth_events'],
  [
    'another content hash',
    withPdu(async ({ signatures: _, ...pdu }) =>
      signPdu({ ...pdu, hashes: { sha256: 'A'.repeat(43) } }, '12', SIGNER, context),
    ),
    "eventId is not the event's",
  ],
  ['no signature', withPdu((pdu) => ({ ...pdu, signatures: {} })), 'is absent'],
  [
    'a signature of another server',
    withPdu(({ signatures: _, ...pdu }) => signPdu(pdu, '12', newSigner('three.test'), context)),
    'is absent',
  ],
  [
    'a wrong signature',
    withPdu((pdu) => ({
      ...pdu,
      signatures: { 'one.test': { [SIGNER.keyId]: 'A'.repeat(86) } },
    })),
    'is invalid',
  ],
  [
    'a signature by another key',
    withPdu(({ signatures: _, ...pdu }) =>
      signPdu(pdu, '12', newSigner('one.test', 'ed25519:other'), context),
    ),
    'is absent',
  ],
];

describe('a graph that builds', () => {
  it.each(broken)('%s is a 500 that names the fault, and nobody is asked', async (_title, given, fault) => {
    const { inbox, invite, invites, logger } = await setUp(given);
    expect(await refusalOf(invite())).toMatchObject({ status: 500, errcode: 'M_UNKNOWN' });
    expect(inbox.targets).toEqual([]);
    expect(await invites()).toEqual([]);
    const errors = logger.lines.filter(({ level }) => level === 'error');
    expect(errors.map(({ details }) => String(Reflect.get(details, 'err'))).join()).toContain(fault);
  });

  it('an event that leaves no room for more signatures is a 413', async () => {
    const { inbox, service, roomId, dave, invites } = await setUp();
    const reason = 'x'.repeat(64_500);
    const invite = { requester: { userId: '@alice:one.test' }, roomId, userId: dave };
    expect(await refusalOf(service.invite({ ...invite, reason }))).toMatchObject({
      status: 413,
      errcode: 'M_TOO_LARGE',
    });
    expect(inbox.targets).toEqual([]);
    expect(await service.invite({ ...invite, reason: 'x'.repeat(62_000) })).toMatchObject({
      outcome: 'invited',
    });
    expect(await invites()).toHaveLength(1);
  });

  it('only after the time is over gets a 504, and nobody is asked any more', async () => {
    const late = deferred();
    const sign = vi.fn(SIGNER.sign);
    const { service, invite, invites } = await setUp({
      ...building(async (result) => {
        await late.promise;
        return result;
      }),
      options: { timeoutMs: 100, signer: { ...SIGNER, sign } },
    });
    expect(await refusalOf(invite())).toMatchObject({ status: 504, errcode: 'M_UNKNOWN' });
    late.resolve();
    await service.close();
    expect(sign).not.toHaveBeenCalled();
    expect(await invites()).toEqual([]);
  });

  it('nothing, because it refuses or is down, answers so', async () => {
    const refused = new MatrixError(413, 'M_TOO_LARGE', 'Too large');
    const down = new StorageUnavailableError('down', { isNotStored: true });
    for (const [error, status] of [
      [refused, 413],
      [down, 503],
    ] as const) {
      const { inbox, invite, rateLimit } = await setUp(
        building(() => {
          throw error;
        }),
      );
      expect(await refusalOf(invite())).toMatchObject({ status });
      expect(inbox.targets).toEqual([]);
      expect(rateLimit.refunded).toHaveLength(status === 413 ? 1 : 0);
    }
  });
});

describe('a store that appends', () => {
  type Append = (
    store: MemoryGraphStorage,
    ...call: Parameters<RoomGraph['append']>
  ) => ReturnType<RoomGraph['append']>;
  const appending = (append: Append): Pick<SetUp, 'graph'> => ({
    graph: (store) => ({
      build: (...call) => store.build(...call),
      append: (...call) => append(store, ...call),
      hasJoinedMember: (...call) => store.hasJoinedMember(...call),
      discard: (...call) => store.discard(...call),
      unfinished: (...call) => store.unfinished(...call),
    }),
  });

  it('nothing, because it refuses the event, answers so, and the invite is given up', async () => {
    const error = new MatrixError(403, 'M_FORBIDDEN', 'The store says no');
    const { inbox, invite, unfinished } = await setUp(appending(async () => ({ outcome: 'refused', error })));
    expect(await refusalOf(invite())).toMatchObject({ status: 403, message: 'The store says no' });
    expect(inbox.received).toHaveLength(1);
    expect(await unfinished()).toEqual([]);
  });

  it('perhaps, because the answer was lost, is asked again with the same event, and nobody else is', async () => {
    let lost = 0;
    const { inbox, invite, invites } = await setUp(
      appending(async (store, ...call) => {
        const result = await store.append(...call);
        lost += 1;
        if (lost === 1) throw new StorageUnavailableError('The connection was lost');
        return result;
      }),
    );
    expect(await invite()).toMatchObject({ outcome: 'invited', eventId: expect.any(String) });
    expect(inbox.received).toHaveLength(1);
    expect(await invites()).toHaveLength(1);
  });

  it('what cannot be discarded is a 503, and nobody is asked again in the same request', async () => {
    const down = new StorageUnavailableError('down', { isNotStored: true });
    const failing = (append: Append): Pick<SetUp, 'graph'> => ({
      graph: (store) => ({
        build: (...call) => store.build(...call),
        append: (...call) => append(store, ...call),
        hasJoinedMember: (...call) => store.hasJoinedMember(...call),
        discard: () => Promise.reject(down),
      }),
    });
    const error = new MatrixError(403, 'M_FORBIDDEN', 'The store says no');
    const byServer = await setUp(failing((store, ...call) => store.append(...call)));
    byServer.inbox.respond = () => ({ status: 403, body: { errcode: 'M_FORBIDDEN', error: 'No' } });
    const byStore = await setUp(failing(async () => ({ outcome: 'refused', error })));
    for (const { inbox, invite, invites, rateLimit } of [byServer, byStore]) {
      expect(await refusalOf(invite())).toMatchObject({ status: 503, errcode: 'M_UNKNOWN' });
      expect(inbox.received).toHaveLength(1);
      expect(rateLimit.refunded).toEqual([]);
      expect(await invites()).toEqual([]);
    }
  });
});
