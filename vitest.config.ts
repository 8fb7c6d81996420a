import { defineConfig } from 'vitest/config';

// What meets Express runs with both of the major versions that are peers.
const meetsExpress = ['test/http/**/*.test.ts', 'test/package/express-version.test.ts'];

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['default'],
    projects: [
      {
        extends: true,
        test: { name: 'main', include: ['test/**/*.test.ts'], exclude: meetsExpress },
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
    ],
  },
});

declare module 'vitest' {
  interface ProvidedContext {
    /** The Express that this run of the tests is with. */
    expressMajor: 4 | 5;
  }
}
