import { describe, expect, it } from 'vitest';
import { StorageUnavailableError } from '../../src/errors.ts';
import { checkSame } from '../../src/testing/check.ts';
import { whyNot } from '../../src/testing/contract.ts';
import {
  authContract,
  authRequest,
  type ContractCase,
  canRun,
  pendingAddressInvitesContract,
  rateLimitContract,
  remoteInvitesContract,
  roomGraphContract,
  roomStoreContract,
  runContract,
  type SeedRoom,
  type StorageHarness,
  storageContract,
} from '../../src/testing/index.ts';
import { sqliteGraphHarness } from './graph-harness.ts';
import { ReferenceAuth } from './reference/auth.ts';
import { authHarness, storageHarness } from './reference/harnesses.ts';
import { roleTablesHarness } from './reference/role-tables.ts';

const CONTRACTS = {
  storage: { cases: storageContract, promised: ['readState 1-4', 'appendEvent 1-7', 'recall 1-4'] },
  roomStore: {
    cases: roomStoreContract,
    promised: ['migrate 1-1', 'createRoom 1-2', 'putState 1-2', 'roomState 1-1', 'timeline 1-2'],
  },
  roomGraph: {
    cases: roomGraphContract,
    promised: ['build 1-7', 'append 1-10', 'hasJoinedMember 1-1', 'discard 1-2', 'unfinished 1-2'],
  },
  rateLimit: {
    cases: rateLimitContract,
    promised: ['consume 1-4', 'refund 5-5', 'peek 6-7', 'consumeKeeping 8-9'],
  },
  pendingAddresses: {
    cases: pendingAddressInvitesContract,
    promised: ['claimAddress 1-3', 'settleAddress 4-5', 'releaseAddress 6-6', 'forgetAddress 7-7'],
  },
  remoteInvites: {
    cases: remoteInvitesContract,
    promised: [
      'stateKeys 1-1',
      'concerns 2-2',
      'objectionTo 3-3',
      'invite 4-10',
      'abandon 11-12',
      'unfinished 13-14',
    ],
  },
  auth: { cases: authContract, promised: ['authenticate 1-5'] },
};

function numbersOf(promised: string): string[] {
  const [method = '', first = 0, last = 0] = promised.split(/[ -]/);
  return Array.from(
    { length: Number(last) - Number(first) + 1 },
    (_, index) => `${method} ${Number(first) + index}`,
  );
}

describe.each(Object.entries(CONTRACTS))('the %s contract', (_, { cases, promised }) => {
  it('has a case for every numbered promise', () => {
    const tested = new Set<string>(cases.map(({ postcondition }) => postcondition));
    expect([...tested]).toEqual(expect.arrayContaining(promised.flatMap(numbersOf)));
  });

  it('has unique case names', () => {
    const names = cases.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});

describe('the users of the storage contract', () => {
  it('have names of up to 24 letters and digits, except in the case with the longest IDs', async () => {
    const users: string[] = [];
    const harness = (): StorageHarness => {
      const host = roleTablesHarness();
      return { ...host, createUsers: async (userIds) => void users.push(...userIds) };
    };
    await runContract(
      storageContract.filter(({ unless }) => unless !== 'longUserIds'),
      async () => harness(),
    );
    expect(users.length).toBeGreaterThan(1_000);
    expect(users.filter((userId) => !/^@[a-z0-9]{1,24}:example\.org$/.test(userId))).toEqual([]);
  });
});

describe('runContract', () => {
  type Harness = { readonly extra?: true; close?(): Promise<void> };
  const passing: ContractCase<Harness> = { name: 'passes', postcondition: 'test 1', run: async () => {} };
  const failing: ContractCase<Harness> = {
    name: 'fails',
    postcondition: 'test 2',
    run: () => Promise.reject(new Error('seen')),
  };
  const needy: ContractCase<Harness> = { ...passing, name: 'needs more', requires: ['extra'] };

  it('reports the passed, failed and skipped cases', async () => {
    expect(await runContract([passing, failing, needy], async () => ({}))).toEqual({
      passed: [{ name: 'passes', postcondition: 'test 1' }],
      failed: [{ name: 'fails', postcondition: 'test 2', error: new Error('seen') }],
      skipped: [{ name: 'needs more', postcondition: 'test 1', requires: 'extra' }],
    });
  });

  it('runs a case if the harness has what it requires', async () => {
    const { passed, skipped } = await runContract([needy], async (): Promise<Harness> => ({ extra: true }));
    expect([passed.length, skipped.length]).toEqual([1, 0]);
  });

  it('skips a case that exceeds a limit of the harness, with the reason of the limit', async () => {
    const cases = storageContract.filter(({ unless }) => unless === 'longUserIds');
    const harness: StorageHarness = { ...storageHarness(), limits: { longUserIds: 'VARCHAR(64)' } };
    const { passed, skipped } = await runContract(cases, async () => harness);
    const requires = 'limits.longUserIds to be absent: VARCHAR(64)';
    expect(passed).toEqual([]);
    expect(skipped).toEqual(cases.map(({ name, postcondition }) => ({ name, postcondition, requires })));
    expect(cases.map((each) => canRun(each, harness))).toEqual([false]);
    expect(cases.map((each) => canRun(each, storageHarness()))).toEqual([true]);
  });

  it('creates a harness for each case, and closes it', async () => {
    const log: string[] = [];
    await runContract([passing, failing, needy], async () => {
      log.push('open');
      return {
        close: async () => {
          log.push('close');
        },
      };
    });
    expect(log).toEqual(['open', 'close', 'open', 'close', 'open', 'close']);
  });

  it('fails a case whose harness cannot be created, and continues', async () => {
    const harnesses = [() => Promise.reject(new Error('no database')), async () => ({})];
    const { passed, failed } = await runContract([passing, passing], () =>
      (harnesses.shift() ?? (async () => ({})))(),
    );
    expect([passed.length, failed.map(({ error }) => String(error))]).toEqual([1, ['Error: no database']]);
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('not closed'))],
    [
      'throws',
      () => {
        throw new Error('not closed');
      },
    ],
  ])('reports the broken promise even if close %s, and reports each case once', async (_, close) => {
    const { passed, failed, skipped } = await runContract([passing, failing, needy], async () => ({ close }));
    expect(failed.map(({ name, error }) => [name, String(error)])).toEqual([
      ['passes', 'Error: not closed'],
      ['fails', 'Error: seen'],
      ['needs more', 'Error: not closed'],
    ]);
    expect([passed, skipped]).toEqual([[], []]);
  });

  it('fails a case that hangs', async () => {
    const hanging: ContractCase<Harness> = { ...passing, run: () => new Promise(() => {}) };
    const { failed } = await runContract([hanging], async () => ({}), { timeoutMs: 20 });
    expect(failed.map(({ error }) => String(error))).toEqual(['Error: the case did not finish within 20 ms']);
  });

  it('skips the cases about built events for a graph that keeps none', async () => {
    const { passed, skipped } = await runContract(
      roomGraphContract.filter(({ requires }) => requires?.includes('keepsBuilt')),
      async () => ({ ...(await sqliteGraphHarness()), keepsBuilt: false }),
    );
    expect(passed).toEqual([]);
    expect(new Set(skipped.map(({ requires }) => requires))).toEqual(new Set(['keepsBuilt']));
    expect(skipped.map(({ name }) => name)).toContain('gives the same PDU after a crash');
  });

  it('skips nothing with a complete harness, and reports what another one lacks', async () => {
    expect((await runContract(authContract, async () => authHarness(ReferenceAuth))).skipped).toEqual([]);
    const all = storageHarness();
    expect(storageContract.filter((each) => !canRun(each, all))).toEqual([]);
    const few = roleTablesHarness();
    const lacking = new Set(
      storageContract.filter((each) => !canRun(each, few)).map((each) => whyNot(each, few)),
    );
    expect([...lacking].sort((one, other) => String(one).localeCompare(String(other)))).toEqual([
      'crash',
      'eventIds',
      'putState',
      'recall',
      'refusedContent',
      'secondInstance',
      'unreachable',
    ]);
  });
});

describe('a case', () => {
  it('rejects with a harness that lacks what it requires, instead of passing', async () => {
    const needy = storageContract.find(({ requires }) => requires?.includes('secondInstance'));
    await expect(needy?.run(roleTablesHarness())).rejects.toThrow('needs a harness with secondInstance');
  });

  it('fails with the innermost cause of an error', async () => {
    const refused = new AggregateError([new Error('connect ECONNREFUSED ::1:3306')]);
    const outage = new StorageUnavailableError('The room could not be read', { cause: refused });
    const harness: StorageHarness = {
      ...storageHarness(),
      adapter: { readState: () => Promise.reject(outage), appendEvent: () => Promise.reject(outage) },
    };
    const { failed } = await runContract(storageContract.slice(0, 1), async () => harness);
    expect(String(failed[0]?.error)).toBe(
      'Error: readState 1 is broken: "returns the current event for each key": ' +
        'The room could not be read (cause: connect ECONNREFUSED ::1:3306)',
    );
  });

  it('comes to an end with causes that are circular', async () => {
    const error = new Error('first');
    error.cause = new Error('second', { cause: error });
    const createRoom = () => Promise.reject(error);
    const { failed } = await runContract(storageContract.slice(0, 1), async () => ({
      ...storageHarness(),
      createRoom,
    }));
    expect(String(failed[0]?.error)).toContain('first');
  });

  it('names the function of the harness that failed, with the innermost cause', async () => {
    const refused = new Error('fk_owner fails', { cause: new Error('Cannot add or update a child row') });
    const cases = storageContract.slice(0, 1);
    for (const createRoom of [
      () => Promise.reject(refused),
      () => {
        throw refused;
      },
      // Query builders return what is no promise, but can be awaited.
      () =>
        Object.assign(Object.create(null), {
          // biome-ignore lint/suspicious/noThenProperty: query builders have one.
          then: (_: unknown, reject: (error: Error) => void) => reject(refused),
        }),
    ]) {
      const { failed } = await runContract(cases, async () => ({ ...storageHarness(), createRoom }));
      expect(String(failed[0]?.error)).toBe(
        'Error: readState 1 was not tested: "returns the current event for each key": the harness failed in createRoom: ' +
          'fk_owner fails (cause: Cannot add or update a child row)',
      );
    }
  });

  it('says what createUsers must resolve to', async () => {
    const createUsers = async () => ['@alice:example.org'];
    const { failed } = await runContract(storageContract.slice(0, 1), async () => ({
      ...storageHarness(),
      createUsers,
    }));
    expect(String(failed[0]?.error)).toContain(
      'the harness failed in createUsers: it must resolve to an ID for each of the 2 users, or to nothing',
    );
  });

  it('hints at IDs of the host app if the room that was just created is not found', async () => {
    const lost = (harness: StorageHarness, reads: number): StorageHarness => {
      let count = 0;
      const { adapter } = harness;
      const readState: typeof adapter.readState = async (...read) => {
        count += 1;
        return count > reads ? undefined : adapter.readState(...read);
      };
      return {
        ...harness,
        adapter: { readState, appendEvent: (...append) => adapter.appendEvent(...append) },
      };
    };
    const messageAfter = async (reads: number) => {
      const cases = storageContract.filter(({ name }) => name === 'returns the latest of several changes');
      const { failed } = await runContract(cases, async () => lost(storageHarness(), reads));
      return String(failed[0]?.error);
    };
    expect(await messageAfter(0)).toMatch(
      /which createRoom has just created\. If the host app numbers its rooms, .* must resolve to \{ roomId \}, .* createUsers/,
    );
    expect(await messageAfter(1)).toMatch(/: readState resolved undefined for a room that exists$/);
  });

  it('runs with a harness that is frozen, or an object of a class', async () => {
    class ClassHarness {
      readonly #opened = storageHarness();
      readonly adapter = this.#opened.adapter;

      createRoom(room: SeedRoom) {
        return this.#opened.createRoom(room);
      }

      setMembership(...membership: Parameters<StorageHarness['setMembership']>) {
        return this.#opened.setMembership(...membership);
      }

      setPowerLevels(...levels: Parameters<StorageHarness['setPowerLevels']>) {
        return this.#opened.setPowerLevels(...levels);
      }
    }
    for (const open of [() => Object.freeze(storageHarness()), () => new ClassHarness()]) {
      const cases = storageContract.filter(({ requires }) => requires === undefined).slice(0, 3);
      const { passed, failed } = await runContract<StorageHarness>(cases, async () => open());
      expect([passed.length, failed]).toEqual([3, []]);
    }
  });

  it('tells arrays from objects, and values from what JSON makes of them', () => {
    for (const [one, other] of [
      [[], {}],
      [[{ key: 'a', value: 1 }], { a: 1 }],
      [{ a: [] }, { a: {} }],
      [Number.POSITIVE_INFINITY, null],
      [1n, 1],
      [new Date(0), {}],
      [new Date(0), '1970-01-01T00:00:00.000Z'],
    ]) {
      expect(() => checkSame(one, other, 'value')).toThrow('value: expected');
    }
    checkSame({ b: [1, { c: 2 }], a: undefined }, { b: [1, { c: 2 }] }, 'value');
  });

  it('fails with the broken promise and what was seen, but without tokens', async () => {
    const harness = {
      ...authHarness(ReferenceAuth),
      known: [{ accessToken: 'secret', userId: '@a:example.org' }],
    };
    const { failed } = await runContract(authContract.slice(1, 2), async () => harness);
    expect(String(failed[0]?.error)).toBe(
      'Error: authenticate 1 is broken: "still knows a token after unknown tokens were tried": ' +
        'requester: expected "@a:example.org", saw "unknown"',
    );
  });
});

describe('authRequest', () => {
  it('contains the token, also in the header', () => {
    const { accessToken, request } = authRequest('secret');
    expect([accessToken, request.headers.authorization]).toEqual(['secret', 'Bearer secret']);
  });
});
