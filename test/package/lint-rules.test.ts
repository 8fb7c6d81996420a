import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');

// The file that imports, and what it imports.
const refused: [importer: string, imported: string][] = [
  ['src/rooms/x.ts', '../errors.ts'],
  ['src/rooms/x.ts', '../ports/storage.ts'],
  ['src/rooms/x.ts', 'node:util'],
  ['src/rooms/x.ts', 'ajv'],
  ['src/errors.ts', './ports/storage.ts'],
  ['src/errors.ts', 'node:util'],
  ['src/ports/x.ts', '../service/invite.ts'],
  ['src/ports/x.ts', 'express'],
  ['src/service/x.ts', '../http/answer.ts'],
  ['src/service/x.ts', '../openapi/index.ts'],
  ['src/service/x.ts', '../router.ts'],
  ['src/service/x.ts', '../testing/check.ts'],
  ['src/service/x.ts', '../../adapters/storage/memory.ts'],
  ['src/service/x.ts', 'node:http'],
  ['src/service/x.ts', 'express'],
  ['src/openapi/x.ts', '../ports/storage.ts'],
  ['src/openapi/x.ts', '../errors.ts'],
  ['src/openapi/x.ts', 'express'],
  ['src/http/x.ts', '../router.ts'],
  ['src/http/x.ts', '../testing/check.ts'],
  ['src/http/x.ts', 'ajv'],
  ['src/testing/x.ts', '../service/invite.ts'],
  ['src/testing/x.ts', 'vitest'],
  ['src/testing/storage/x.ts', '../../service/invite.ts'],
  ['src/testing/storage/x.ts', '../../../adapters/storage/memory.ts'],
  ['src/testing/storage/x.ts', '../../../test/support/child.ts'],
  ['src/testing/storage/x.ts', 'vitest'],
  ['src/index.ts', './testing/index.ts'],
  ['src/index.ts', '../adapters/storage/memory.ts'],
  ['src/index.ts', 'express-matrix-invite/storage/memory'],
  ['src/index.ts', 'express'],
  ['src/router.ts', '../adapters/storage/memory.ts'],
  ['src/router.ts', '../test/support/child.ts'],
  ['src/router.ts', '../examples/quickstart/main.ts'],
  ['src/router.ts', 'ioredis'],
  ['adapters/storage/x.ts', '../../src/service/invite.ts'],
  ['adapters/storage/x.ts', '../../src/index.ts'],
  ['adapters/storage/x.ts', '../rate-limit/memory.ts'],
  ['adapters/storage/x.ts', 'express-matrix-invite'],
  ['adapters/storage/x.ts', 'express'],
  ['adapters/storage/x.ts', 'ioredis'],
  ['adapters/storage/x.ts', 'rate-limiter-flexible'],
  ['adapters/storage/x.ts', 'node:sqlite'],
  ['adapters/storage/sqlite/x.ts', '../memory.ts'],
  ['adapters/storage/sqlite/x.ts', '../../auth/static-tokens.ts'],
  ['adapters/storage/sqlite/x.ts', '../../../src/router.ts'],
  ['adapters/storage/sqlite/x.ts', 'better-sqlite3'],
  ['adapters/storage/postgres/x.ts', '../sqlite/text.ts'],
  ['adapters/storage/shared/x.ts', '../sqlite/database.ts'],
  ['adapters/rate-limit/x.ts', 'pg'],
  ['adapters/rate-limit/x.ts', '../storage/memory.ts'],
  ['adapters/rate-limit/redis/x.ts', '../memory.ts'],
  ['adapters/rate-limit/redis/x.ts', '../../storage/memory.ts'],
  ['adapters/auth/x.ts', 'rate-limiter-flexible'],
  ['adapters/auth/x.ts', '../../src/http/answer.ts'],
  ['adapters/auth/x.ts', 'jose'],
  ['adapters/auth/jwt.ts', 'oauth4webapi'],
  ['adapters/auth/jwt/x.ts', '../oauth-introspection/cache.ts'],
  ['adapters/policies/x.ts', 'linkify-it'],
  ['adapters/policies/x.ts', '../../src/service/invite.ts'],
  ['adapters/observability/prometheus.ts', '@opentelemetry/api'],
  ['examples/x.ts', '../src/index.ts'],
  ['examples/quickstart/x.ts', '../../src/index.ts'],
  ['examples/quickstart/x.ts', '../../adapters/storage/memory.ts'],
  ['examples/quickstart/rooms/x.ts', '../../../src/index.ts'],
];

const allowed: [importer: string, imported: string][] = [
  ['src/rooms/x.ts', './event.ts'],
  ['src/ports/x.ts', '../rooms/event.ts'],
  ['src/service/x.ts', '../ports/storage.ts'],
  ['src/service/x.ts', 'node:timers/promises'],
  ['src/http/x.ts', '../openapi/validators.ts'],
  ['src/http/x.ts', 'express'],
  ['src/openapi/x.ts', 'ajv/dist/2020.js'],
  ['src/testing/storage/x.ts', '../check.ts'],
  ['src/testing/storage/x.ts', '../../ports/storage.ts'],
  ['src/index.ts', './service/invite-service.ts'],
  ['src/router.ts', 'express'],
  ['adapters/storage/x.ts', '../../src/ports/storage.ts'],
  ['adapters/storage/sqlite/x.ts', '../shared/deadline.ts'],
  ['adapters/rate-limit/x.ts', 'rate-limiter-flexible'],
  ['adapters/rate-limit/redis/x.ts', '../limits.ts'],
  ['adapters/rate-limit/redis/x.ts', 'rate-limiter-flexible'],
  ['adapters/auth/oauth-introspection/x.ts', 'oauth4webapi'],
  ['adapters/auth/jwt/x.ts', 'jose'],
  ['adapters/auth/jwt/x.ts', '../shared/digest.ts'],
  ['adapters/auth/app-services/x.ts', 're2js'],
  ['adapters/policies/content-rules.ts', 'linkify-it'],
  ['adapters/observability/prometheus.ts', 'prom-client'],
  ['adapters/observability/open-telemetry.ts', '@opentelemetry/api'],
  ['examples/quickstart/x.ts', 'express-matrix-invite/storage/memory'],
  ['examples/quickstart/x.ts', '../other/main.ts'],
  ['examples/quickstart/rooms/x.ts', '../main.ts'],
  ['test/x.ts', '../adapters/storage/memory.ts'],
];

type Diagnostic = { location: { path: string; start: { line: number } } };

function biomeReport(folder: string): Promise<string> {
  const options = ['--only=style/noRestrictedImports', '--reporter=json', '--max-diagnostics=none'];
  return new Promise((resolve) => {
    // It exits with 1 where it refuses something: its report says more.
    execFile(process.execPath, [biome, 'lint', ...options, '.'], { cwd: folder }, (_error, stdout) =>
      resolve(stdout),
    );
  });
}

const asText = (imported: (typeof refused)[number] | undefined) => imported?.join(' imports ') ?? 'unknown';

/** What `biome lint` refuses of the imports, each written as a line of its importer. */
async function lint(imports: typeof refused): Promise<Set<string>> {
  const folder = await mkdtemp(join(tmpdir(), 'express-matrix-invite-lint-'));
  try {
    await cp(join(root, 'biome.json'), join(folder, 'biome.json'));
    const importers = new Map<string, typeof refused>();
    for (const line of imports) importers.set(line[0], [...(importers.get(line[0]) ?? []), line]);
    for (const [importer, lines] of importers) {
      await mkdir(dirname(join(folder, importer)), { recursive: true });
      await writeFile(
        join(folder, importer),
        lines.map(([, imported]) => `import '${imported}';\n`).join(''),
      );
    }
    const { diagnostics } = JSON.parse(await biomeReport(folder)) as { diagnostics: Diagnostic[] };
    return new Set(
      diagnostics.map(({ location: { path, start } }) => asText(importers.get(path)?.[start.line - 1])),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('the lint rules on imports', () => {
  it('refuse every import against the direction', async () => {
    expect(await lint(refused)).toEqual(new Set(refused.map(asText)));
  });

  it('allow the imports that the layout provides for', async () => {
    expect(await lint(allowed)).toEqual(new Set());
  });
});
