import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// The test files of a run share this folder, see `servers/debian-package.ts`. Vitest loads this file for each project.
if (process.env.INVITE_TESTS_FOLDER === undefined) {
  const folder = join(tmpdir(), `invite-tests-${randomUUID()}`);
  process.env.INVITE_TESTS_FOLDER = folder;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
}

/** Tests that run with both major versions of Express that are peer dependencies. */
const expressTests = ['test/http/**/*.test.ts', 'test/package/express-version.test.ts'];

/** Tests of `test/http` that the other frameworks skip. */
const expressOnly = [
  // Tests how Express mounts routers and handles errors.
  'test/http/mount.test.ts',
  // Test stores and limits, which no longer involve the framework: 13 and 4 seconds for each of them.
  'test/http/parallel.test.ts',
  'test/http/store-error-deny.test.ts',
];

/** Tests of `test/http` that write HTTP/1 by hand. Those of HTTP/2 are in test/frameworks/http2.test.ts. */
const http1Only = ['test/http/raw-socket.test.ts', 'test/http/http1-headers.test.ts'];

/** Tests of the calls that an invite makes, and of what stores remember. */
const countsCalls = [
  'test/invite/deferred-attempt.test.ts',
  'test/invite/lost-answers.test.ts',
  'test/invite/policies.test.ts',
  'test/invite/remembered.test.ts',
  'test/invite/remote.test.ts',
  'test/invite/retries.test.ts',
  'test/invite/unknown-outcome.test.ts',
  'test/invite/users.test.ts',
  // Start processes of their own.
  'test/invite/failing-host-functions.test.ts',
  'test/invite/remote-crash.test.ts',
];

/** Each is a Vitest project. `test/frameworks/hosts` contains the host of that name. */
const frameworks = ['fastify', 'fastify hook', 'nest', 'koa', 'node:http', 'node:http2'] as const;

/** Tests that start Chromium. `npm test` leaves them out. */
const browserTests = ['test/browser/**/*.test.ts'];

/** Tests of the package as it is installed from npm. `npm test` leaves them out. */
const installedTests = ['test/installed/**/*.test.ts'];

/** Tests of `examples/operations` with Prometheus, nginx, HAProxy and more. `npm test` leaves them out. */
const operationsTests = ['test/operations/**/*.test.ts'];

/** Tests with other servers from PyPI. `npm test` leaves them out. */
const interopTests = ['test/interop/**/*.test.ts'];

/** Tests that only their own projects run. */
const notInMain = [...browserTests, ...installedTests, ...operationsTests, ...interopTests];

/** Tests that `npm run test:quick` leaves out. */
const notQuick = [
  ...notInMain,
  // Start PostgreSQL, PgBouncer, MariaDB or Redis.
  'test/adapters/storage/*postgres*.test.ts',
  'test/adapters/storage/*mysql*.test.ts',
  'test/adapters/storage/not-stored-transactional.test.ts',
  'test/adapters/rate-limit/redis*.test.ts',
  'test/servers/ports.test.ts',
  'test/servers/test-mariadb.test.ts',
  'test/http/store-error-deny.test.ts',
  'test/soak/soak.test.ts',
  // Start programs that share a store, or run until they are killed.
  'test/examples/**',
  'test/recipes/**',
  'test/adapters/observability/prometheus-register.test.ts',
  'test/adapters/observability/route.test.ts',
  'test/adapters/storage/sqlite-failures.test.ts',
  'test/adapters/storage/graph-{stores,processes}.test.ts',
  'test/adapters/storage/sqlite-processes.test.ts',
  'test/invite/{address,remote}-crash.test.ts',
  'test/internal/loggers.test.ts',
  // Counts the timers of its process, which here are also those of the files before it.
  'test/adapters/rate-limit/memory.test.ts',
  // Wait for deadlines of five seconds, some with a server that has been stopped.
  'test/adapters/third-party/{answers,connections}.test.ts',
  'test/adapters/federation/{resolution,well-known,server-key-router}.test.ts',
  // Kill processes, or have dozens of other servers.
  'test/adapters/federation/{answers,crash,matrix-contract}.test.ts',
  // Build the package and the benchmark, compile the docs, rehearse a release.
  'test/bench/bench.test.ts',
  'test/docs/code-blocks.test.ts',
  'test/docs/typedoc.test.ts',
  'test/package/package.test.ts',
  'test/scripts/**',
];

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    // Tests mostly wait for servers, so no core has to be kept free.
    maxWorkers: '100%',
    // For a test that hangs. A busy machine may need many times as long as an idle one.
    testTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    // A hook may install a Debian package, and wait up to ten minutes while another apt-get runs.
    hookTimeout: 900_000,
    // Many tests cause failures that the default logger prints. Only those of failed tests are of interest.
    silent: 'passed-only',
    reporters: ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: [...expressTests, ...notInMain],
        },
      },
      {
        extends: true,
        test: {
          name: 'quick',
          include: ['test/**/*.test.ts'],
          exclude: notQuick,
          // Importing all modules again for each file would take longer than the tests.
          isolate: false,
          hookTimeout: 120_000,
          provide: { expressMajor: 5 },
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: browserTests,
        },
      },
      {
        extends: true,
        test: { name: 'express 5', include: expressTests, provide: { expressMajor: 5 } },
      },
      {
        extends: true,
        // Applies to `src` as well as to the tests.
        resolve: { alias: [{ find: /^express$/, replacement: 'express4' }] },
        test: { name: 'express 4', include: expressTests, provide: { expressMajor: 4 } },
      },
      ...frameworks.map((host) => ({
        extends: true as const,
        test: {
          name: host,
          include: ['test/http/**/*.test.ts'],
          exclude: host === 'node:http2' ? [...expressOnly, ...http1Only] : expressOnly,
          provide: { expressMajor: 5 as const, host },
        },
      })),
      {
        extends: true,
        // What stores remember is always wrong, and nothing but the number of calls differs.
        test: {
          name: 'wrong memory',
          include: ['test/http/**/*.test.ts', 'test/invite/**/*.test.ts'],
          exclude: [...expressOnly, ...countsCalls],
          setupFiles: 'test/support/wrong-memory-everywhere.ts',
          provide: { expressMajor: 5 },
        },
      },
      {
        extends: true,
        // Needs the npm registry, and minutes.
        test: {
          name: 'installed',
          include: installedTests,
          globalSetup: 'test/installed/pack.ts',
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 600_000,
        },
      },
      {
        extends: true,
        // Packs the package, for the container.
        test: {
          name: 'operations',
          include: operationsTests,
          globalSetup: 'test/installed/pack.ts',
          testTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'interop',
          include: interopTests,
          globalSetup: 'test/interop/install.ts',
          // Python loads hundreds of modules before a server starts, while the other test files keep the machine busy.
          testTimeout: 400_000,
          hookTimeout: 400_000,
          provide: { expressMajor: 5 },
        },
      },
    ],
  },
});

declare module 'vitest' {
  interface ProvidedContext {
    /** The major version of Express in this project. */
    expressMajor: 4 | 5;
    /** The framework that the router is mounted in. Default: Express. */
    host?: 'express' | 'fastify' | 'fastify hook' | 'nest' | 'koa' | 'node:http' | 'node:http2';
  }
}
