import { describe, expect, it } from 'vitest';
import { staticTokens } from '../../adapters/auth/static-tokens.ts';
import { MemoryRateLimit } from '../../adapters/rate-limit/memory.ts';
import { MemoryStorage } from '../../adapters/storage/memory.ts';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';
import { SqliteStorage, sqliteSchema } from '../../adapters/storage/sqlite/index.ts';
import { transactionalStorage } from '../../adapters/storage/transactional.ts';
import { createInviteRouter } from '../../src/index.ts';
import { inviteDescription } from '../../src/openapi/index.ts';
import { documentedSources } from './entry-points.ts';
import { anchorOf, readPage, sectionsOf, sectionsUnder, tableRowsOf } from './pages.ts';
import { publicComments, typeErrorMessages, withImports } from './source.ts';

const page = readPage('docs/errors.md');
const responses = sectionsUnder(page, 'Responses');
const ofTypeErrors = sectionsUnder(page, 'TypeErrors');
const parts = ofTypeErrors.filter(({ level }) => level === 3).map(({ title }) => title);
const typeErrors = ofTypeErrors.filter(({ level }) => level === 4).map(({ title }) => title);

/** Every status with every errcode that the description has for it. */
const described = Object.entries(inviteDescription.paths['/rooms/{roomId}/invite'].post.responses).flatMap(
  ([status, response]) => (response['x-errcodes'] ?? []).map((errcode) => `${status} ${errcode}`),
);

describe('the errcodes in docs/errors.md', () => {
  it('are those of the OpenAPI description', () => {
    const errcodes = new Set(described.map((each) => each.split(' ')[1]));
    expect(responses.map(({ title }) => title).sort()).toEqual([...errcodes].sort());
  });

  it('come with the statuses under which they are answered', () => {
    const documented = responses.flatMap(({ title, text }) =>
      [...text.matchAll(/^(?:- )?(\d{3})\b/gm)].map((match) => `${match[1]} ${title}`),
    );
    expect(documented.sort()).toEqual([...described].sort());
  });

  it('stand in the table at the top, each under its status', () => {
    const section = sectionsOf(page).find(({ title }) => title === 'At a glance');
    const rows = tableRowsOf(section?.text ?? '').map(([status, errcode]) => `${status} ${errcode}`);
    expect(rows.sort()).toEqual([...described].sort());
  });
});

/** Whether a heading is the message, `…` being what differs. */
function isMessage(heading: string, message: string): boolean {
  const parts = heading.split('…').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+')}$`).test(message);
}

describe('the TypeErrors in docs/errors.md', () => {
  it('are those of the documented entry points, word for word', () => {
    const messages = new Set(withImports(documentedSources).flatMap(typeErrorMessages));
    expect(messages.size).toBeGreaterThan(50);
    expect([...typeErrors].sort()).toEqual([...messages].sort());
  });

  it('are where the comments of public names say: each that throws one links to its part', () => {
    const throwing = documentedSources
      .flatMap(publicComments)
      .filter(({ text }) => /@throws \{TypeError\}/.test(text));
    const linked = throwing.map(({ name, text }) => [
      name,
      /@see \[[^\]]*\]\((?:\.\.\/)+docs\/errors\.md#([^)]*)\)/.exec(text)?.[1],
    ]);
    expect(linked.length).toBeGreaterThan(20);
    const anchors = parts.map(anchorOf);
    expect(linked.filter(([, anchor]) => anchor === undefined || !anchors.includes(anchor))).toEqual([]);
  });

  const transact = async () => undefined;
  const connection = { exec() {}, prepare: neverCalled };
  const pool = { connect: neverCalled };
  const required = { serverName: 'example.org', storage: new MemoryStorage(), rateLimit: false } as const;
  const mistakes: Record<string, () => unknown> = {
    'an unknown option': () => createInviteRouter({ ...required, storag: 1 } as never),
    'a missing option': () => createInviteRouter({ ...required, storage: undefined } as never),
    'an ill-typed option': () => createInviteRouter({ ...required, deadlineMs: 0.5 }),
    'no auth': () => createInviteRouter(required),
    'no options': () => createInviteRouter(undefined as never),
    'no tokens': () => staticTokens(undefined as never),
    'no pair': () => staticTokens(['a'] as never),
    'an empty token': () => staticTokens({ '': '@a:example.org' }),
    'no owner': () => staticTokens({ token: 'a' }),
    'a token twice': () =>
      staticTokens([
        ['token', '@a:example.org'],
        ['token', '@b:example.org'],
      ]),
    'no limits': () => new MemoryRateLimit([] as never),
    'an unknown scope': () => new MemoryRateLimit({ rooms: false } as never),
    'half a point': () => new MemoryRateLimit({ room: { points: 0.5, durationSeconds: 1 } }),
    'a prefix with a space': () => sqliteSchema('a b'),
    'a path for a connection': () => new SqliteStorage('rooms.sqlite' as never),
    'a misspelt prefix': () => new SqliteStorage(connection, { prefix: 'a' } as never),
    'a prefix that is no text': () => new SqliteStorage(connection, { tablePrefix: 1 } as never),
    'no pool': () => new PostgresStorage({} as never),
    'an unknown option of PostgresStorage': () => new PostgresStorage(pool, { timeoutMs: 1 } as never),
    'a time of 0': () => new PostgresStorage(pool, { queryTimeoutMs: 0 }),
    'a prefix with a capital': () => new PostgresStorage(pool, { tablePrefix: 'Matrix_' }),
    'a storage without insert': () => transactionalStorage({ transact, readState: transact } as never),
    'an insert that is no function': () =>
      transactionalStorage({ transact, readState: transact, insert: 1 } as never),
    'a misspelt function of users': () =>
      createInviteRouter({ ...required, users: { exist: transact } } as never),
    'a misspelt state key': () =>
      createInviteRouter({
        ...required,
        policies: [{ name: 'a', stateKeys: [{ type: 'a', stateKey: '' }], decide: () => undefined }],
      } as never),
  };

  for (const [what, make] of Object.entries(mistakes)) {
    it(`have a heading for what is said of ${what}`, () => {
      const { name, message } = thrownBy(make);
      expect(name).toBe('TypeError');
      expect(
        typeErrors.some((title) => isMessage(title, message)),
        message,
      ).toBe(true);
    });
  }
});

function neverCalled(): never {
  throw new Error('arguments are checked first');
}

function thrownBy(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}
