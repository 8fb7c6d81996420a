import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { entryPoints } from '../../scripts/entry-points.ts';
import { drivers } from './dependency-rules.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const requireFromRoot = createRequire(join(root, 'package.json'));

const entries = Object.entries(entryPoints());
const names = entries.map(([name]) => name);

/** The packages that an entry point may import: those of the core, and the drivers of an adapter. */
const imports: Readonly<Record<string, readonly string[]>> = {
  index: ['express'],
  ...drivers,
  // These have a router too.
  'third-party': ['express', ...(drivers['third-party'] ?? [])],
  federation: ['express', ...(drivers.federation ?? [])],
};

/** The packages in package.json. */
const listed = Object.keys({ ...packageJson.dependencies, ...packageJson.devDependencies });

/** The files of an entry point, from `dist`. */
const filesOf = (name: string) => ['.js', '.cjs', '.d.ts', '.d.cts'].map((ending) => name + ending);

const specifierOf = (name: string) => (name === 'index' ? packageJson.name : `${packageJson.name}/${name}`);

/** The package as it is published, in a folder of its own. */
let folder: string;
let built: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'express-matrix-invite-package-'));
  await cp(join(root, 'package.json'), join(folder, 'package.json'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const tsdown = join(root, 'node_modules/tsdown/dist/run.mjs');
  await run(process.execPath, [tsdown, '--out-dir', join(folder, 'dist')], { cwd: root });
  const files = await readdir(join(folder, 'dist'), { recursive: true, withFileTypes: true });
  built = files
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(join(folder, 'dist/').length));
});

afterAll(() => rm(folder, { recursive: true }));

/** Loads an entry point in a process of its own: what it exports, and what it brings in. */
async function load(kind: 'import' | 'require', name: string): Promise<{ names: string[]; files: string[] }> {
  const specifier = JSON.stringify(specifierOf(name));
  // CommonJS modules are in their cache however they were imported. The hook writes a line for each other module.
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
    const builtIns = process.moduleLoadList.filter((name) => / (?:sqlite|dns|dns\\/promises|https|tls)$/.test(name));
    console.log(JSON.stringify({ names: Object.keys(exported), files: [...Object.keys(require.cache), ...builtIns] }));
  `;
  const parameters = ['--input-type=module', '--eval', program];
  const { stdout, stderr } = await run(process.execPath, parameters, { cwd: folder });
  const loaded = JSON.parse(stdout);
  return { names: loaded.names, files: [...loaded.files, ...stderr.split('\n')] };
}

/** A package, and the packages that it depends on. */
function withDependencies(name: string): string[] {
  const { dependencies = {} } = requireFromRoot(join(root, 'node_modules', name, 'package.json'));
  return [name, ...Object.keys(dependencies)];
}

describe.each(entries)('the entry point %s', (name, source) => {
  describe.each(['import', 'require'] as const)('by %s', (kind) => {
    it('exports what its source exports, and loads no other driver and no other entry point', async () => {
      const loaded = await load(kind, name);
      const exported: object = await import(pathToFileURL(join(root, source)).href);
      expect(new Set(loaded.names)).toEqual(new Set(Object.keys(exported)));

      const packages = new Set(
        loaded.files.map((file) => /^.*?\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? file),
      );
      const expected = new Set((imports[name] ?? []).flatMap(withDependencies));
      expect(listed.filter((each) => packages.has(each))).toEqual(
        listed.filter((each) => expected.has(each)),
      );
      expect(loaded.files.filter((file) => file.endsWith(' sqlite'))).toEqual([]);
      if (name === 'index')
        expect(loaded.files.filter((file) => /^NativeModule |^node:(?:dns|https)/.test(file))).toEqual([]);

      if (kind === 'require') {
        const isLoaded = (other: string) => loaded.files.includes(join(folder, 'dist', `${other}.cjs`));
        expect(names.filter(isLoaded)).toEqual([name]);
      }
    });
  });

  it.each([
    ['import', ts.ModuleKind.ESNext, '.d.ts'],
    ['require', ts.ModuleKind.CommonJS, '.d.cts'],
  ] as const)('has types by %s', (_kind, mode, ending) => {
    const { resolvedModule } = ts.resolveModuleName(
      specifierOf(name),
      join(folder, 'host.ts'),
      { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
      ts.sys,
      undefined,
      undefined,
      mode,
    );
    expect(resolvedModule?.resolvedFileName).toBe(join(folder, 'dist', `${name}${ending}`));
  });
});

describe('the package', () => {
  it('has a pattern for each kind of adapter, and a path for every other entry point', () => {
    const patterns = names.map((name) => name.replace(/\/.*/, '/*')).filter((name) => name !== 'index');
    const paths = Object.keys(packageJson.exports);
    expect(new Set(paths)).toEqual(new Set(['.', ...patterns.map((name) => `./${name}`), './package.json']));
  });

  it('has only entry points in the folders that patterns publish', () => {
    const inFolders = built.filter((file) => file.includes('/'));
    const adapters = names.filter((name) => name.includes('/'));
    expect(new Set(inFolders)).toEqual(new Set(adapters.flatMap(filesOf)));
    expect(adapters.length).toBeGreaterThan(20);
  });

  it('publishes nothing else that is built', () => {
    const entryFiles = new Set(names.flatMap(filesOf));
    const others = built.filter((file) => !entryFiles.has(file));
    const require = createRequire(join(folder, 'host.cjs'));
    const reached = others
      .flatMap((file) => [file, file.replace(/\.[^.]+$/, ''), `dist/${file}`, `storage/../${file}`])
      .filter((path) => {
        try {
          return require.resolve(`${packageJson.name}/${path}`);
        } catch {
          return false;
        }
      });
    expect(others.length).toBeGreaterThan(20);
    expect(reached).toEqual([]);
    expect(require.resolve(packageJson.name)).toBe(join(folder, packageJson.main));
  });

  it('has typesVersions, for module resolution that knows no exports, with the types of each export', () => {
    const types = Object.entries(packageJson.exports).flatMap(([path, target]) =>
      path === '.' || typeof target === 'string' ? [] : [[path.slice('./'.length), [target.require.types]]],
    );
    expect(packageJson.typesVersions).toEqual({ '*': Object.fromEntries(types) });
  });

  it('has files at main and types', () => {
    expect(built.map((file) => `./dist/${file}`)).toEqual(
      expect.arrayContaining([packageJson.main, packageJson.types]),
    );
  });

  it('has types that need no types but those of Node and of an own driver', async () => {
    const types = built.filter((file) => /\.d\.c?ts$/.test(file));
    const imported = await Promise.all(
      types.map(async (file) => {
        const text = await readFile(join(folder, 'dist', file), 'utf8');
        const found = text.matchAll(/\b(?:from|import\(|require\() ?["']([^"'.][^"']*)["']/g);
        return [...found].map(([, name = '']) => ({ file, name }));
      }),
    );
    const packages = imported.flat().filter(({ name }) => !name.startsWith('node:'));
    const own = ({ file, name }: { file: string; name: string }) =>
      drivers[file.replace(/\.d\.c?ts$/, '')]?.includes(name);
    expect(packages.filter((each) => !own(each))).toEqual([]);
    expect(imported.flat().length).toBeGreaterThan(packages.length);
    expect(packages.length).toBeGreaterThan(0);
  });
});
