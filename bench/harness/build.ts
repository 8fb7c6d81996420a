import { execFile } from 'node:child_process';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'tsdown';
import manifest from '../../package.json' with { type: 'json' };

const run = promisify(execFile);

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** In node_modules, so that the bundles find their imports. One per process, because two benchmarks may run at once. */
const FOLDER = `${ROOT}node_modules/.cache/${manifest.name}-bench/${process.pid}`;

/**
 * Builds the package like `npm run build` does, and the benchmark server on top of it. Does not touch `dist`.
 *
 * @param ref the commit whose package to build, with this tree's server and this tree's dependencies. Default: this
 *   tree as it is, with its uncommitted changes
 * @returns the path of the server's file
 */
export async function buildServer(ref?: string): Promise<string> {
  const folder = `${FOLDER}/${ref ?? 'this'}`;
  const tree = ref === undefined ? ROOT : await checkOut(ref, `${folder}/tree`);
  const tsdown = `${ROOT}node_modules/tsdown/dist/run.mjs`;
  const options = ['--out-dir', `${folder}/package`, '--no-dts', '--logLevel', 'warn'];
  await run(process.execPath, [tsdown, ...options], { cwd: tree });
  const handler = resolverFor(`${folder}/package`);
  await build({
    config: false,
    cwd: ROOT,
    format: 'esm',
    dts: false,
    logLevel: 'warn',
    entry: { main: 'bench/server/main.ts' },
    outDir: `${folder}/server`,
    platform: 'node',
    target: 'node20.19',
    fixedExtension: true,
    plugins: [{ name: 'external-packages', resolveId: { order: 'pre', handler } }],
  });
  return `${folder}/server/main.mjs`;
}

/** Writes the files of a commit into a folder. */
async function checkOut(ref: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await run('sh', ['-c', 'git archive "$0" | tar -x -C "$1"', ref, folder], { cwd: ROOT });
  await symlink(`${ROOT}node_modules`, `${folder}/node_modules`);
  return folder;
}

export async function removeServer(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true });
}

/** Keeps every package external. This package resolves to the build in a folder. */
function resolverFor(folder: string) {
  return (id: string, importer: string | undefined): { id: string; external: true } | undefined => {
    if (importer === undefined || id.startsWith('.') || id.startsWith('/')) return undefined;
    const [, subpath] = /^express-matrix-invite(?:\/(.*))?$/.exec(id) ?? [];
    if (!id.startsWith(manifest.name)) return { id, external: true };
    return { id: `${folder}/${subpath ?? 'index'}.js`, external: true };
  };
}
