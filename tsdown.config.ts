import { defineConfig } from 'tsdown';

// One entry for each subpath of package.json's `exports`, so that nothing is loaded before its subpath is imported.
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    testing: 'src/testing/index.ts',
    openapi: 'src/openapi/index.ts',
    'storage/memory': 'adapters/storage/memory.ts',
    'storage/sqlite': 'adapters/storage/sqlite.ts',
    'storage/postgres': 'adapters/storage/postgres.ts',
    'storage/transactional': 'adapters/storage/transactional.ts',
    'rate-limit/memory': 'adapters/rate-limit/memory.ts',
    'rate-limit/redis': 'adapters/rate-limit/redis.ts',
    'auth/static-tokens': 'adapters/auth/static-tokens.ts',
  },
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node20.19',
  // `.js` and `.cjs`: the package is of type "module".
  fixedExtension: false,
  dts: true,
  outputOptions: {
    // Otherwise Rolldown puts its CommonJS helpers into one entry, and the others load that entry for them.
    codeSplitting: { groups: [{ name: 'runtime', test: /rolldown[\\/]runtime/ }] },
  },
  sourcemap: false,
});
