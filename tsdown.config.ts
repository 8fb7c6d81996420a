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
    'auth/oauth-introspection': 'adapters/auth/oauth-introspection.ts',
    'auth/jwt': 'adapters/auth/jwt.ts',
    'auth/app-services': 'adapters/auth/app-services.ts',
    'auth/first-of': 'adapters/auth/first-of.ts',
    'policies/admins-only': 'adapters/policies/admins-only.ts',
    'policies/blocked-rooms': 'adapters/policies/blocked-rooms.ts',
    'policies/protected-users': 'adapters/policies/protected-users.ts',
    'policies/pending-invite-quota': 'adapters/policies/pending-invite-quota.ts',
    'policies/invite-filter': 'adapters/policies/invite-filter.ts',
    'policies/ignored-users': 'adapters/policies/ignored-users.ts',
    'policies/http-antispam': 'adapters/policies/http-antispam.ts',
    'policies/content-rules': 'adapters/policies/content-rules.ts',
    'policies/except': 'adapters/policies/except.ts',
    'observability/prometheus': 'adapters/observability/prometheus.ts',
    'observability/open-telemetry': 'adapters/observability/open-telemetry.ts',
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
