import { defineConfig } from 'vitest/config';

// What meets Express runs with both of the major versions that are peers.
const meetsExpress = ['test/http/**/*.test.ts', 'test/package/express-version.test.ts'];

// What the other frameworks are not asked.
const notElsewhere = [
  // How Express mounts and handles errors.
  'test/http/mount.test.ts',
  // Stores and limits, long after the host has handed the request over: 13 and 4 seconds each time.
  'test/http/parallel.test.ts',
  'test/http/store-error-deny.test.ts',
];

/** Each is a project; `test/frameworks/hosts` has the host of that name. */
const frameworks = ['fastify', 'fastify hook', 'nest', 'koa', 'node:http'] as const;

// What starts Chromium: not among what `npm test` runs.
const inBrowser = ['test/browser/**/*.test.ts'];

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    // Most of the time is spent waiting for servers, so that a core need not be kept free.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: [...meetsExpress, ...inBrowser, 'test/installed/**'],
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: inBrowser,
          testTimeout: 60_000,
          expect: { poll: { timeout: 15_000 } },
        },
      },
      {
        extends: true,
        test: { name: 'express 5', include: meetsExpress, provide: { expressMajor: 5 } },
      },
      {
        extends: true,
        // In src as well as in the tests.
        resolve: { alias: [{ find: /^express$/, replacement: 'express4' }] },
        test: { name: 'express 4', include: meetsExpress, provide: { expressMajor: 4 } },
      },
      ...frameworks.map((host) => ({
        extends: true as const,
        test: {
          name: host,
          include: ['test/http/**/*.test.ts'],
          exclude: notElsewhere,
          provide: { expressMajor: 5 as const, host },
        },
      })),
      {
        extends: true,
        // The package as it is installed from npm: needs the registry, and minutes.
        test: {
          name: 'installed',
          include: ['test/installed/**/*.test.ts'],
          globalSetup: 'test/installed/pack.ts',
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});

declare module 'vitest' {
  interface ProvidedContext {
    /** The Express that this run of the tests is with. */
    expressMajor: 4 | 5;
    /** The framework in which the router is mounted; Express where it is not said. */
    host?: 'express' | 'fastify' | 'fastify hook' | 'nest' | 'koa' | 'node:http';
  }
}
