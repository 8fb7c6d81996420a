import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'tsdown';
import manifest from '../../package.json' with { type: 'json' };
import packageConfig from '../../tsdown.config.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Under node_modules, so that the bundles find what they import; this process's own, as another may run beside it. */
const FOLDER = `${ROOT}node_modules/.cache/${manifest.name}-bench/${process.pid}`;

const common = { config: false, cwd: ROOT, format: 'esm', dts: false, logLevel: 'warn' } as const;

/**
 * Builds the package as `npm run build` does, and the server of the benchmark on top of it; the package's own `dist` is
 * left alone.
 *
 * @returns the server's file
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
    plugins: [{ name: 'nothing-is-bundled', resolveId: { order: 'pre', handler: outside } }],
  });
  return `${FOLDER}/server/main.mjs`;
}

export async function removeServer(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true });
}

/** Every package stays outside; our own is the one that was just built. */
function outside(id: string, importer: string | undefined): { id: string; external: true } | undefined {
  if (importer === undefined || id.startsWith('.') || id.startsWith('/')) return undefined;
  const [, subpath] = /^express-matrix-invite(?:\/(.*))?$/.exec(id) ?? [];
  if (!id.startsWith(manifest.name)) return { id, external: true };
  return { id: `${FOLDER}/package/${subpath ?? 'index'}.js`, external: true };
}
