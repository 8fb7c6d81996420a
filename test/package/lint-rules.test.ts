import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { drivers, ruleNames } from './dependency-rules.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const depcruise = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

/** A file, and what it imports. */
type Import = readonly [importer: string, imported: string];

const packages = [...new Set(Object.values(drivers).flat())];

/** The imports that each rule refuses. */
const refused: Readonly<Record<string, readonly Import[]>> = {
  circle: [
    ['src/rooms/chicken.ts', './egg.ts'],
    ['src/rooms/egg.ts', './chicken.ts'],
    ['adapters/storage/circle/index.ts', './a.ts'],
    ['adapters/storage/circle/a.ts', './b.ts'],
    ['adapters/storage/circle/b.ts', './index.ts'],
  ],
  rooms: [
    ['src/rooms/x.ts', '../errors.ts'],
    ['src/rooms/x.ts', '../ports/storage.ts'],
    ['src/rooms/x.ts', '../internal/waits.ts'],
    ['src/rooms/x.ts', 'node:util'],
    ['src/rooms/x.ts', 'ajv'],
  ],
  pdu: [
    ['src/pdu/x.ts', '../errors.ts'],
    ['src/pdu/x.ts', '../ports/storage.ts'],
    ['src/pdu/x.ts', '../internal/waits.ts'],
    ['src/pdu/x.ts', '../invite/invite.ts'],
    ['src/pdu/x.ts', 'node:https'],
    ['src/pdu/x.ts', 'jose'],
  ],
  'pdu-users': [
    ['src/index.ts', './pdu/signatures.ts'],
    ['src/router.ts', './pdu/signatures.ts'],
    ['src/rooms/x.ts', '../pdu/signatures.ts'],
    ['src/invite/invite.ts', '../pdu/signatures.ts'],
    ['src/http/x.ts', '../pdu/signatures.ts'],
    ['src/new-folder/x.ts', '../pdu/signatures.ts'],
  ],
  errors: [
    ['src/errors.ts', './ports/storage.ts'],
    ['src/errors.ts', './internal/waits.ts'],
    ['src/errors.ts', 'node:util'],
  ],
  ports: [
    ['src/ports/x.ts', '../invite/invite.ts'],
    ['src/ports/x.ts', '../internal/waits.ts'],
    ['src/ports/x.ts', '../../adapters/storage/memory.ts'],
    ['src/ports/x.ts', 'express'],
  ],
  internal: [
    ['src/internal/x.ts', '../invite/invite.ts'],
    ['src/internal/x.ts', '../http/response.ts'],
    ['src/internal/x.ts', '../router.ts'],
    ['src/internal/x.ts', '../testing/check.ts'],
    ['src/internal/x.ts', '../../adapters/storage/memory.ts'],
    ['src/internal/x.ts', 'jose'],
  ],
  invite: [
    ['src/invite/x.ts', '../http/response.ts'],
    ['src/invite/x.ts', '../openapi/index.ts'],
    ['src/invite/x.ts', '../router.ts'],
    ['src/invite/x.ts', '../testing/check.ts'],
    ['src/invite/x.ts', '../../adapters/storage/memory.ts'],
    ['src/invite/x.ts', 'express'],
  ],
  'invite-http': [
    ['src/invite/x.ts', 'node:http'],
    ['src/invite/x.ts', 'node:http2'],
    ['src/invite/x.ts', 'node:https'],
  ],
  openapi: [
    ['src/openapi/x.ts', '../ports/storage.ts'],
    ['src/openapi/x.ts', '../errors.ts'],
    ['src/openapi/x.ts', '../internal/waits.ts'],
    ['src/openapi/x.ts', 'node:util'],
    ['src/openapi/x.ts', 'express'],
    ['src/openapi/x.ts', 'ajv'],
  ],
  http: [
    ['src/http/x.ts', '../router.ts'],
    ['src/http/x.ts', '../testing/check.ts'],
    ['src/http/x.ts', '../../adapters/storage/memory.ts'],
    ['src/http/x.ts', 'ajv'],
  ],
  testing: [
    ['src/testing/x.ts', '../invite/invite.ts'],
    ['src/testing/x.ts', '../internal/waits.ts'],
    ['src/testing/x.ts', 'vitest'],
    ['src/testing/storage/x.ts', '../../invite/invite.ts'],
    ['src/testing/storage/x.ts', '../../../adapters/storage/memory.ts'],
    ['src/testing/storage/x.ts', 'vitest'],
  ],
  router: [
    ['src/router.ts', './testing/check.ts'],
    ['src/router.ts', '../adapters/storage/memory.ts'],
    ['src/router.ts', '../examples/quickstart/main.ts'],
    ['src/router.ts', 'ioredis'],
  ],
  src: [
    ['src/index.ts', './testing/index.ts'],
    ['src/index.ts', '../adapters/storage/memory.ts'],
    ['src/index.ts', 'express'],
    ['src/new-folder/x.ts', '../../adapters/storage/memory.ts'],
    ['src/new-folder/x.ts', 'express'],
  ],
  adapter: [
    ['adapters/storage/x.ts', '../../src/invite/invite.ts'],
    ['adapters/storage/x.ts', '../../src/index.ts'],
    ['adapters/storage/x.ts', '../rate-limit/memory.ts'],
    ['adapters/storage/x.ts', './memory.ts'],
    ['adapters/storage/x.ts', './xy.ts'],
    ['adapters/storage/x.ts', './x-helpers/values.ts'],
    ['adapters/storage/x.ts', '../auth/shared/digest.ts'],
    ['adapters/storage/x.ts', 'express'],
    ['adapters/storage/x.ts', 'ioredis'],
    ['adapters/storage/sqlite/x.ts', '../memory.ts'],
    ['adapters/storage/sqlite/x.ts', '../../auth/static-tokens.ts'],
    ['adapters/storage/sqlite/x.ts', '../../../src/router.ts'],
    ['adapters/storage/sqlite/x.ts', 'better-sqlite3'],
    ['adapters/storage/postgres/index.ts', '../sqlite/text.ts'],
    ['adapters/storage/shared/x.ts', '../sqlite/database.ts'],
    ['adapters/rate-limit/x.ts', 'pg'],
    ['adapters/rate-limit/x.ts', '../storage/memory.ts'],
    ['adapters/rate-limit/redis/x.ts', '../../storage/memory.ts'],
    ['adapters/rate-limit/redis/x.ts', '../other/index.ts'],
    ['adapters/rate-limit/shared/x.ts', '../memory.ts'],
    ['adapters/auth/x.ts', '../../src/http/response.ts'],
    ['adapters/auth/jwt/index.ts', '../oauth-introspection/provider.ts'],
    ['adapters/policies/x.ts', '../../src/invite/invite.ts'],
    ['adapters/policies/x.ts', '../shared/outbound/client.ts'],
    ['adapters/third-party/x.ts', '../../src/invite/invite.ts'],
    ['adapters/third-party/x.ts', '../policies/blocked-rooms.ts'],
    ['adapters/federation/x.ts', '../../src/http/response.ts'],
    ['adapters/federation/x.ts', '../../src/router.ts'],
    ['adapters/federation/x.ts', '../third-party/index.ts'],
    ['adapters/third-party/x.ts', '../federation/index.ts'],
    ...packages.map((name): Import => ['adapters/storage/driverless.ts', name]),
    ...Object.entries(drivers).flatMap(([adapter, own]) =>
      packages
        .filter((name) => !own.includes(name))
        .flatMap((name): Import[] => [
          [`adapters/${adapter}.ts`, name],
          [`adapters/${adapter}/x.ts`, name],
        ]),
    ),
  ],
  outbound: [
    ['adapters/shared/outbound/x.ts', '../../third-party/index.ts'],
    ['adapters/shared/outbound/x.ts', '../../policies/shared/id-list.ts'],
    ['adapters/shared/outbound/x.ts', '../../../src/invite/invite.ts'],
    ['adapters/shared/outbound/x.ts', 'express'],
    ['adapters/shared/outbound/x.ts', 'jose'],
  ],
  'node-sqlite': [
    ['adapters/storage/sqlite/x.ts', 'node:sqlite'],
    ['src/internal/x.ts', 'node:sqlite'],
  ],
  'own-name': [
    ['src/index.ts', 'express-matrix-invite/openapi'],
    ['adapters/storage/sqlite/x.ts', 'express-matrix-invite/storage/sqlite'],
  ],
  public: [
    ['examples/quickstart/x.ts', 'express-matrix-invite/storage/shared/state-key'],
    ['examples/quickstart/x.ts', 'express-matrix-invite/storage/sqlite/schema'],
    ['test/x.ts', 'express-matrix-invite/storage/sqlite/schema'],
    ['test/x.ts', 'express-matrix-invite/third-party/lookup'],
    ['test/x.ts', 'express-matrix-invite/federation/keys/key-ring'],
  ],
  examples: [
    ['examples/quickstart/x.ts', '../fastify/main.ts'],
    ['examples/quickstart/rooms/x.ts', '../../fastify/main.ts'],
    ['examples/quickstart/x.ts', '../../servers/redis-server.ts'],
    ['examples/quickstart/x.ts', '../../scripts/changelog.ts'],
  ],
  'examples-names': [
    ['examples/x.ts', '../src/index.ts'],
    ['examples/quickstart/x.ts', '../../src/index.ts'],
    ['examples/quickstart/x.ts', '../../adapters/storage/memory.ts'],
    ['examples/quickstart/rooms/x.ts', '../../../src/index.ts'],
  ],
  servers: [
    ['servers/x.ts', '../scripts/changelog.ts'],
    ['servers/x.ts', '../src/index.ts'],
  ],
  bench: [
    ['servers/x.ts', '../bench/main.ts'],
    ['scripts/x.ts', '../bench/main.ts'],
    ['test/support/x.ts', '../../bench/main.ts'],
    ['test/http/x.ts', '../../bench/main.ts'],
  ],
  'bench-test': [
    ['bench/x.ts', '../test/support/child.ts'],
    ['bench/x.ts', '../test/http/support.ts'],
  ],
  test: [
    ['src/router.ts', '../test/support/child.ts'],
    ['src/testing/storage/x.ts', '../../../test/support/child.ts'],
    ['adapters/storage/x.ts', '../../test/support/child.ts'],
    ['examples/quickstart/x.ts', '../../test/support/child.ts'],
    ['servers/x.ts', '../test/support/child.ts'],
    ['scripts/x.ts', '../test/support/child.ts'],
  ],
};

const allowed: readonly Import[] = [
  ['src/rooms/x.ts', './event.ts'],
  ['src/pdu/x.ts', './base64.ts'],
  ['src/pdu/x.ts', '../rooms/event.ts'],
  ['src/pdu/x.ts', 'node:crypto'],
  ['src/pdu/x.ts', '../ports/signer.ts'],
  ['src/invite/on-bind.ts', '../pdu/signatures.ts'],
  ['src/server-key-router.ts', './pdu/sign.ts'],
  ['src/errors.ts', './rooms/event.ts'],
  ['src/ports/x.ts', '../rooms/event.ts'],
  ['src/ports/x.ts', '../errors.ts'],
  ['src/ports/x.ts', 'node:http'],
  ['src/internal/x.ts', './waits.ts'],
  ['src/internal/x.ts', '../ports/logger.ts'],
  ['src/internal/x.ts', 'node:crypto'],
  ['src/invite/x.ts', '../ports/storage.ts'],
  ['src/invite/x.ts', '../internal/waits.ts'],
  ['src/invite/x.ts', 'node:timers/promises'],
  ['src/http/x.ts', '../openapi/validators.ts'],
  ['src/http/x.ts', '../invite/service.ts'],
  ['src/http/x.ts', '../internal/read-bounded.ts'],
  ['src/http/x.ts', 'node:http'],
  ['src/http/x.ts', 'express'],
  ['src/openapi/x.ts', '../rooms/event.ts'],

  ['src/testing/x.ts', '../internal/options.ts'],
  ['src/testing/storage/x.ts', '../check.ts'],
  ['src/testing/storage/x.ts', '../../ports/storage.ts'],
  ['src/index.ts', './invite/service.ts'],
  ['src/router.ts', './http/route.ts'],
  ['src/router.ts', 'express'],
  ['adapters/storage/x.ts', '../../src/ports/storage.ts'],
  ['adapters/storage/x.ts', '../../src/internal/options.ts'],
  ['adapters/storage/x.ts', '../../src/pdu/base64.ts'],
  ['adapters/storage/x.ts', './x/values.ts'],
  ['adapters/storage/x.ts', './shared/state-key.ts'],
  ['adapters/storage/sqlite/x.ts', '../shared/state-key.ts'],
  ['adapters/storage/sqlite/x.ts', '../../../src/errors.ts'],
  ['adapters/storage/shared/x.ts', './state-key.ts'],
  ['adapters/rate-limit/redis/x.ts', '../shared/limits.ts'],
  ['adapters/rate-limit/redis/x.ts', '../memory.ts'],
  ['adapters/auth/jwt/x.ts', '../shared/token-digest.ts'],
  ['adapters/third-party/index.ts', './lookup.ts'],
  ['adapters/third-party/x.ts', '../shared/outbound/client.ts'],
  ['adapters/federation/index.ts', '../../src/server-key-router.ts'],
  ['adapters/federation/keys/x.ts', '../../shared/outbound/client.ts'],
  ['adapters/federation/client/x.ts', '../../../src/http/x-matrix.ts'],
  ['adapters/federation/client/x.ts', '../discovery/discovery.ts'],
  ['adapters/third-party/x.ts', '../../src/ports/third-party.ts'],
  ['adapters/shared/outbound/x.ts', './client.ts'],
  ['adapters/shared/outbound/x.ts', '../../../src/internal/waits.ts'],
  ['adapters/shared/outbound/x.ts', 'ipaddr.js'],
  ['adapters/shared/outbound/x.ts', 'node:https'],
  ...Object.entries(drivers).flatMap(([adapter, own]) =>
    own.flatMap((name): Import[] => [
      [`adapters/${adapter}.ts`, name],
      [`adapters/${adapter}/x.ts`, name],
    ]),
  ),
  ['examples/quickstart/x.ts', 'express-matrix-invite'],
  ['examples/quickstart/x.ts', 'express-matrix-invite/openapi'],
  ['examples/quickstart/x.ts', 'express-matrix-invite/storage/memory'],
  ['examples/quickstart/x.ts', 'express-matrix-invite/storage/sqlite'],
  ['examples/quickstart/x.ts', 'pg'],
  ['examples/quickstart/rooms/x.ts', '../main.ts'],
  ['servers/x.ts', 'ioredis'],
  ['bench/x.ts', '../servers/redis-server.ts'],
  ['bench/x.ts', '../test/support/federation-inbox.ts'],
  ['test/bench/x.ts', '../../bench/main.ts'],
  ['test/x.ts', '../adapters/storage/memory.ts'],
  ['test/x.ts', '../servers/redis-server.ts'],
];

type Report = {
  readonly modules: readonly {
    readonly source: string;
    readonly dependencies: readonly {
      readonly module: string;
      readonly rules?: readonly { readonly name: string }[];
    }[];
  }[];
};

/** The ways to import a module. */
const forms = {
  value: (name: string) => `import '${name}';`,
  type: (name: string) => `import type {} from '${name}';`,
  're-export': (name: string) => `export * from '${name}';`,
  're-exported type': (name: string) => `export type {} from '${name}';`,
  'dynamic import': (name: string) => `await import('${name}');`,
  'inline type': (name: string) => `export type X = import('${name}').X;`,
};

const named = ([importer, imported]: Import) => `${importer} imports ${imported}`;

/** Runs the linter on files with these imports. Returns the rules against each, first of its value, then of its type. */
async function lint(
  imports: readonly Import[],
  linesOf = ([, imported]: Import) => [forms.value(imported), forms.type(imported)],
): Promise<Map<string, readonly (readonly string[])[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'express-matrix-invite-lint-'));
  try {
    for (const file of ['.dependency-cruiser.mjs', 'package.json', 'tsconfig.json']) {
      await cp(join(root, file), join(folder, file));
    }
    const files = new Map<string, string[]>();
    for (const each of imports) {
      const target = fileOf(...each);
      if (target !== undefined) files.set(target, files.get(target) ?? []);
      files.set(each[0], [...(files.get(each[0]) ?? []), ...linesOf(each)]);
    }
    for (const [path, lines] of files) await put(join(folder, path), lines.join('\n'));
    const { modules } = JSON.parse(await reportOn(folder)) as Report;
    return new Map(
      imports.map(([importer, imported]) => {
        const all = modules.find(({ source }) => source === importer)?.dependencies ?? [];
        const found = all.filter(({ module }) => withoutScheme(module) === withoutScheme(imported));
        return [
          named([importer, imported]),
          found.map(({ rules = [] }) => rules.map(({ name }) => name)),
        ] as const;
      }),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

const withoutScheme = (name: string) => name.replace(/^node:/, '');

/** The file that an import leads to, from the root. `undefined` for a module of Node. */
function fileOf(importer: string, imported: string): string | undefined {
  if (imported.startsWith('node:')) return undefined;
  if (imported.startsWith('.')) return join(dirname(importer), imported);
  if (imported === packageJson.name) return 'src/index.ts';
  const [, subpath] = imported.split(`${packageJson.name}/`);
  if (subpath !== undefined) return subpath === 'openapi' ? 'src/openapi/index.ts' : `adapters/${subpath}.ts`;
  return `node_modules/${imported}/index.js`;
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

function reportOn(folder: string): Promise<string> {
  const options = { cwd: folder, maxBuffer: 2 ** 26 };
  return new Promise((resolve, reject) => {
    // It exits with the number of violations, which the report has too.
    execFile(process.execPath, [depcruise, '-T', 'json', '.'], options, (_error, stdout, stderr) =>
      stderr === '' ? resolve(stdout) : reject(new Error(stderr)),
    );
  });
}

describe('the rules on imports', () => {
  it('refuse every import against the direction, of values and of types', async () => {
    const found = await lint(Object.values(refused).flat());
    const expected = Object.entries(refused).flatMap(([rule, imports]) =>
      imports.map((each) => [named(each), Array(2).fill(expect.arrayContaining([rule]))] as const),
    );
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
  });

  it('allow the imports that the layout provides for', async () => {
    const expected = allowed.map((each) => [named(each), [[], []]] as const);
    expect(Object.fromEntries(await lint(allowed))).toEqual(Object.fromEntries(expected));
  });

  it('refuse an import in every form', async () => {
    const texts = new Map(Object.values(forms).map((form, index) => [`src/rooms/form-${index}.ts`, form]));
    const imports = [...texts.keys()].map((importer): Import => [importer, '../errors.ts']);
    const found = await lint(imports, ([importer, imported]) => [texts.get(importer)?.(imported) ?? '']);
    expect([...found.values()]).toEqual(imports.map(() => [['rooms']]));
  });

  it('each refuse something here', () => {
    expect(new Set(ruleNames)).toEqual(new Set(Object.keys(refused)));
  });
});
