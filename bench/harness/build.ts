import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'tsdown';
import manifest from '../../package.json' with { type: 'json' };
import packageConfig from '../../tsdown.config.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** In node_modules, so that the bundles find their imports. One per process, because two benchmarks may run at once. */
const FOLDER = `${ROOT}node_modules/.cache/${manifest.name}-bench/${process.pid}`;

const common = { config: false, cwd: ROOT, format: 'esm', dts: false, logLevel: 'warn' } as const;

/**
 * Builds the package like `npm run build` does, and the benchmark server on top of it. Does not touch `dist`.
 *
 * @returns the path of the server's file
 */
export async function buildServer(): Promise<string> {
  await build({ ...packageConfig, ...common, outDir: `${FOLDER}/package` });
  await build({
    ...common,
    entry: { main: 'bench/server/main.ts' },
    outDir: `${FOLDER}/server`,
    platform: 'node',
    target: 'node20.19',
    fixedExtension: true,
    plugins: [{ name: 'external-packages', resolveId: { order: 'pre', handler: resolveExternal } }],
  });
  return `${FOLDER}/server/main.mjs`;
}

export async function removeServer(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true });
}

/** Keeps every package external. This package resolves to the build above. */
function resolveExternal(
  id: string,
  importer: string | undefined,
): { id: string; external: true } | undefined {
  if (importer === undefined || id.startsWith('.') || id.startsWith('/')) return undefined;
  const [, subpath] = /^express-matrix-invite(?:\/(.*))?$/.exec(id) ?? [];
  if (!id.startsWith(manifest.name)) return { id, external: true };
  return { id: `${FOLDER}/package/${subpath ?? 'index'}.js`, external: true };
}
