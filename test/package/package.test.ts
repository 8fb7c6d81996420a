import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import tsdownConfig from '../../tsdown.config.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

// What each subpath loads of the packages in package.json, and the values that it exports.
const subpaths: Record<string, { loads: string[]; names: string[] }> = {
  '.': {
    loads: ['ajv', 'express'],
    names: [
      'MatrixError',
      'StorageUnavailableError',
      'createInviteCheckRouter',
      'createInviteRouter',
      'createInviteService',
      'domainOf',
      'isMatrixError',
      'isRoomId',
      'isServerName',
      'isStorageUnavailable',
      'isUserId',
      'matrixErrorHandler',
    ],
  },
  './testing': {
    loads: [],
    names: [
      'abortedContext',
      'authContract',
      'authRequest',
      'canRun',
      'deadlineContext',
      'rateLimitContract',
      'roomStoreContract',
      'runContract',
      'storageContract',
      'storageHarnessFor',
    ],
  },
  './openapi': { loads: ['ajv'], names: ['checkResponse', 'inviteDescription'] },
  './storage/memory': { loads: [], names: ['MemoryStorage'] },
  './storage/sqlite': { loads: [], names: ['SqliteStorage', 'sqliteSchema'] },
  './storage/postgres': { loads: [], names: ['PostgresStorage', 'postgresSchema'] },
  './storage/transactional': { loads: [], names: ['transactionalStorage'] },
  './rate-limit/memory': {
    loads: ['rate-limiter-flexible'],
    names: ['DEFAULT_RATE_LIMITS', 'MemoryRateLimit'],
  },
  './rate-limit/redis': {
    loads: ['rate-limiter-flexible'],
    names: ['DEFAULT_RATE_LIMITS', 'RedisRateLimit'],
  },
  './auth/static-tokens': { loads: [], names: ['staticTokens'] },
  './auth/oauth-introspection': { loads: ['oauth4webapi'], names: ['oauthIntrospection'] },
  './auth/jwt': { loads: ['jose'], names: ['jwt'] },
  './auth/app-services': { loads: ['re2js'], names: ['appServices'] },
  './auth/first-of': { loads: [], names: ['firstOf'] },
  './policies/admins-only': { loads: [], names: ['adminsOnly'] },
  './policies/blocked-rooms': { loads: [], names: ['blockedRooms'] },
  './policies/protected-users': { loads: [], names: ['protectedUsers'] },
  './policies/pending-invite-quota': { loads: [], names: ['pendingInviteQuota'] },
  './policies/invite-filter': { loads: [], names: ['INVITE_FILTER_TYPES', 'inviteFilter'] },
  './policies/ignored-users': { loads: [], names: ['ignoredUsers'] },
  './policies/http-antispam': { loads: [], names: ['HttpAntispamError', 'httpAntispam'] },
  './policies/content-rules': { loads: ['linkify-it'], names: ['contentRules'] },
  './policies/except': { loads: [], names: ['except'] },
  './observability/prometheus': {
    loads: ['@opentelemetry/api', 'prom-client'],
    names: ['prometheusMetrics'],
  },
  './observability/open-telemetry': { loads: ['@opentelemetry/api'], names: ['openTelemetry'] },
};

/** The name of a subpath's files in dist. */
const fileName = (subpath: string) => (subpath === '.' ? 'index' : subpath.slice('./'.length));

/** The package as it is published, in a folder of its own. */
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'express-matrix-invite-package-'));
  await cp(join(root, 'package.json'), join(folder, 'package.json'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const tsdown = join(root, 'node_modules/tsdown/dist/run.mjs');
  await run(process.execPath, [tsdown, '--out-dir', join(folder, 'dist')], { cwd: root });
});

afterAll(() => rm(folder, { recursive: true }));

/** Loads a subpath in a process of its own: what it exports, and what it brings in. */
async function load(
  kind: 'import' | 'require',
  subpath: string,
): Promise<{ names: string[]; files: string[] }> {
  const specifier = JSON.stringify(subpath.replace('.', packageJson.name));
  // What is CommonJS is in its cache however it was imported; of the rest the hook writes a line.
  const hook = `
    import { writeSync } from 'node:fs';
    export async function load(url, context, next) {
      writeSync(2, url + '\\n');
      return next(url, context);
    }`;
  const program = `
    import { createRequire, register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));
    const require = createRequire(process.cwd() + '/');
    const exported = ${kind === 'import' ? `await import(${specifier})` : `require(${specifier})`};
    const builtIns = process.moduleLoadList.filter((name) => name.endsWith(' sqlite'));
    console.log(JSON.stringify({ names: Object.keys(exported), files: [...Object.keys(require.cache), ...builtIns] }));
  `;
  const parameters = ['--input-type=module', '--eval', program];
  const { stdout, stderr } = await run(process.execPath, parameters, { cwd: folder });
  const { names, files } = JSON.parse(stdout);
  return { names, files: [...files, ...stderr.split('\n')] };
}

describe.each(Object.entries(subpaths))('the subpath %s', (subpath, { loads, names }) => {
  describe.each(['import', 'require'] as const)('by %s', (kind) => {
    it('exports its names, and loads no driver and no other subpath', async () => {
      const loaded = await load(kind, subpath);
      expect(new Set(loaded.names)).toEqual(new Set(names));

      const packages = loaded.files.map(
        (file) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? file,
      );
      const named = Object.keys({ ...packageJson.dependencies, ...packageJson.devDependencies });
      expect(named.filter((name) => packages.includes(name))).toEqual(loads);
      expect(loaded.files.filter((file) => file.endsWith(' sqlite'))).toEqual([]);

      if (kind === 'require') {
        const isLoaded = (other: string) =>
          loaded.files.includes(join(folder, 'dist', `${fileName(other)}.cjs`));
        expect(Object.keys(subpaths).filter(isLoaded)).toEqual([subpath]);
      }
    });
  });
});

describe('the package', () => {
  it('exports what is built, and builds what it exports', async () => {
    const { './package.json': _, ...built } = packageJson.exports;
    expect(Object.keys(built)).toEqual(Object.keys(subpaths));
    expect(Object.keys((tsdownConfig as { entry: object }).entry)).toEqual(
      Object.keys(subpaths).map(fileName),
    );

    const files = (await readdir(join(folder, 'dist'), { recursive: true })).map((file) => `./dist/${file}`);
    for (const [subpath, conditions] of Object.entries(built)) {
      const base = `./dist/${fileName(subpath)}`;
      expect(conditions).toEqual({
        import: { types: `${base}.d.ts`, default: `${base}.js` },
        require: { types: `${base}.d.cts`, default: `${base}.cjs` },
      });
      expect(files).toEqual(
        expect.arrayContaining([`${base}.d.ts`, `${base}.js`, `${base}.d.cts`, `${base}.cjs`]),
      );
    }
    expect(files).toContain(packageJson.main);
    expect(files).toContain(packageJson.types);
  });

  it('has types that need no types but those of Node, and of the driver whose objects they take', async () => {
    const files = await readdir(join(folder, 'dist'), { recursive: true });
    const types = files.filter((file) => /\.d\.c?ts$/.test(file));
    const imported = await Promise.all(
      types.map(async (file) => {
        const text = await readFile(join(folder, 'dist', file), 'utf8');
        const names = text.matchAll(/\b(?:from|import\(|require\() ?["']([^"'.][^"']*)["']/g);
        return [...names].map(([, name]) => `${file} ${name}`);
      }),
    );
    const packages = imported.flat().filter((line) => !/ node:/.test(line));
    expect(new Set(packages)).toEqual(
      new Set(
        ['d.ts', 'd.cts'].flatMap((end) => [
          `observability/prometheus.${end} prom-client`,
          `observability/open-telemetry.${end} @opentelemetry/api`,
        ]),
      ),
    );
    expect(imported.flat().length).toBeGreaterThan(packages.length);
  });
});
