import { describe, expect, it } from 'vitest';
import { staticTokens } from '../../adapters/auth/static-tokens.ts';
import { MemoryRateLimit } from '../../adapters/rate-limit/memory.ts';
import { MemoryStorage } from '../../adapters/storage/memory.ts';
import { MysqlStorage } from '../../adapters/storage/mysql/index.ts';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';
import { SqliteStorage, sqliteSchema } from '../../adapters/storage/sqlite/index.ts';
import { transactionalStorage } from '../../adapters/storage/transactional/index.ts';
import { createInviteRouter } from '../../src/index.ts';
import { inviteDescription } from '../../src/openapi/index.ts';
import { documentedSources } from './entry-points.ts';
import { anchorOf, readPage, sectionsOf, sectionsUnder, tableRowsOf } from './pages.ts';
import { publicComments, typeErrorMessages, withImports } from './source.ts';

const page = readPage('docs/errors.md');
const responses = sectionsUnder(page, 'Responses');
const typeErrorSections = sectionsUnder(page, 'TypeErrors');
const typeErrorGroups = typeErrorSections.filter(({ level }) => level === 3).map(({ title }) => title);
const typeErrors = typeErrorSections.filter(({ level }) => level === 4).map(({ title }) => title);

/** Every pair of a status and an errcode in the OpenAPI description. */
const described = Object.entries(inviteDescription.paths['/rooms/{roomId}/invite'].post.responses).flatMap(
  ([status, response]) => (response['x-errcodes'] ?? []).map((errcode) => `${status} ${errcode}`),
);

describe('the errcodes in docs/errors.md', () => {
  it('match the OpenAPI description', () => {
    const errcodes = new Set(described.map((each) => each.split(' ')[1]));
    expect(responses.map(({ title }) => title).sort()).toEqual([...errcodes].sort());
  });

  it('list the statuses that they are returned with', () => {
    const documented = responses.flatMap(({ title, text }) =>
      [...text.matchAll(/^(?:- )?(\d{3})\b/gm)].map((match) => `${match[1]} ${title}`),
    );
    expect(documented.sort()).toEqual([...described].sort());
  });

  it('appear in the table at the top with the right status', () => {
    const section = sectionsOf(page).find(({ title }) => title === 'At a glance');
    const rows = tableRowsOf(section?.text ?? '').map(([status, errcode]) => `${status} ${errcode}`);
    expect(rows.sort()).toEqual([...described].sort());
  });
});

/** True if a heading matches a message. `…` in the heading stands for any text. */
function headingMatches(heading: string, message: string): boolean {
  const parts = heading.split('…').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+')}$`).test(message);
}

describe('the TypeErrors in docs/errors.md', () => {
  it('match those of the documented entry points word for word', () => {
    const messages = new Set(withImports(documentedSources).flatMap(typeErrorMessages));
    expect(messages.size).toBeGreaterThan(50);
    expect([...typeErrors].sort()).toEqual([...messages].sort());
  });

  it('have their section linked from the doc comment of each public name that throws one', () => {
    const throwing = documentedSources
      .flatMap(publicComments)
      .filter(({ text }) => /@throws \{TypeError\}/.test(text));
    const linked = throwing.map(({ name, text }) => [
      name,
      /@see \[[^\]]*\]\((?:\.\.\/)+docs\/errors\.md#([^)]*)\)/.exec(text)?.[1],
    ]);
    expect(linked.length).toBeGreaterThan(20);
    const anchors = typeErrorGroups.map(anchorOf);
    expect(linked.filter(([, anchor]) => anchor === undefined || !anchors.includes(anchor))).toEqual([]);
  });

  const transact = async () => undefined;
  const connection = { exec() {}, prepare: neverCalled };
  const pool = { connect: neverCalled };
  const required = { serverName: 'example.org', storage: new MemoryStorage(), rateLimit: false } as const;
  const mistakes: Record<string, () => unknown> = {
    'an unknown option': () => createInviteRouter({ ...required, storag: 1 } as never),
    'a missing option': () => createInviteRouter({ ...required, storage: undefined } as never),
    'an option of the wrong type': () => createInviteRouter({ ...required, deadlineMs: 0.5 }),
    'no auth': () => createInviteRouter(required),
    'no options': () => createInviteRouter(undefined as never),
    'no tokens': () => staticTokens(undefined as never),
    'an entry that is not a pair': () => staticTokens(['a'] as never),
    'an empty token': () => staticTokens({ '': '@a:example.org' }),
    'a token without a valid user ID': () => staticTokens({ token: 'a' }),
    'a duplicate token': () =>
      staticTokens([
        ['token', '@a:example.org'],
        ['token', '@b:example.org'],
      ]),
    'no limits': () => new MemoryRateLimit([] as never),
    'an unknown scope': () => new MemoryRateLimit({ rooms: false } as never),
    'a fractional number of points': () => new MemoryRateLimit({ room: { points: 0.5, durationSeconds: 1 } }),
    'a prefix with a space': () => sqliteSchema('a b'),
    'a path instead of a connection': () => new SqliteStorage('rooms.sqlite' as never),
    'a misspelled prefix option': () => new SqliteStorage(connection, { prefix: 'a' } as never),
    'a prefix that is not a string': () => new SqliteStorage(connection, { tablePrefix: 1 } as never),
    'no pool': () => new PostgresStorage({} as never),
    'a pool that takes callbacks': () =>
      new MysqlStorage({ getConnection: transact, promise: transact } as never),
    'a prefix with a space for MySQL': () =>
      new MysqlStorage({ getConnection: transact } as never, { tablePrefix: 'a b' }),
    'an unknown option of PostgresStorage': () => new PostgresStorage(pool, { timeoutMs: 1 } as never),
    'a timeout of 0': () => new PostgresStorage(pool, { queryTimeoutMs: 0 }),
    'a prefix with a capital letter': () => new PostgresStorage(pool, { tablePrefix: 'Matrix_' }),
    'a storage without insert': () => transactionalStorage({ transact, readState: transact } as never),
    'an insert that is not a function': () =>
      transactionalStorage({ transact, readState: transact, insert: 1 } as never),
    'a misspelled users function': () =>
      createInviteRouter({ ...required, users: { exist: transact } } as never),
    'a misspelled field of a state key': () =>
      createInviteRouter({
        ...required,
        policies: [{ name: 'a', stateKeys: [{ type: 'a', stateKey: '' }], decide: () => undefined }],
      } as never),
  };

  for (const [mistake, make] of Object.entries(mistakes)) {
    it(`have a heading for the message about ${mistake}`, () => {
      const { name, message } = errorThrownBy(make);
      expect(name).toBe('TypeError');
      expect(
        typeErrors.some((title) => headingMatches(title, message)),
        message,
      ).toBe(true);
    });
  }
});

function neverCalled(): never {
  throw new Error('arguments must be checked before this is called');
}

function errorThrownBy(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('expected an error to be thrown');
}
