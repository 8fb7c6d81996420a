import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import biome from '../../biome.json' with { type: 'json' };
import manifest from '../../package.json' with { type: 'json' };
import { newestRelease } from '../../scripts/changelog.ts';
import { codeBlocksOf, proseOf, ROOT, readPage } from './pages.ts';

const contributing = readPage('CONTRIBUTING.md');
const security = readPage('SECURITY.md');

/** The texts in backquotes. */
const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

describe('.editorconfig', () => {
  it('says what the formatter does', () => {
    const settings = Object.fromEntries(
      [...readFileSync(`${ROOT}.editorconfig`, 'utf8').matchAll(/^(\w+) = (.*)$/gm)].map((match) =>
        match.slice(1),
      ),
    );
    expect(settings).toMatchObject({
      indent_style: biome.formatter.indentStyle,
      indent_size: String(biome.formatter.indentWidth),
      max_line_length: String(biome.formatter.lineWidth),
      quote_type: biome.javascript.formatter.quoteStyle,
    });
  });
});

describe('CONTRIBUTING', () => {
  it('names files and folders that are there', () => {
    const paths = quoted(proseOf(contributing)).filter((name) =>
      /^(?:src|adapters|test|docs|servers|scripts|examples|bench|findings)(?:\/|$)|^[\w.]+\.(?:json|ts|md)$/.test(
        name,
      ),
    );
    const made = /\b(?:fancy|NAME)\b|^docs-site/;
    expect(paths.length).toBeGreaterThan(20);
    expect(paths.filter((path) => !made.test(path) && !existsSync(`${ROOT}${path}`))).toEqual([]);
  });

  it('has commands that there are', () => {
    const inBlocks = codeBlocksOf(contributing).flatMap(({ text }) => text.trim().split('\n'));
    const commands = [...inBlocks, ...quoted(proseOf(contributing))].filter((text) =>
      text.startsWith('npm '),
    );
    const scripts = commands.flatMap((command) => /^npm (?:run )?([\w:-]+)/.exec(command)?.[1] ?? []);
    const known = ['ci', 'install', 'publish', ...Object.keys(manifest.scripts)];
    expect(scripts).toEqual(expect.arrayContaining(['test', 'check', 'docs', 'release:dry-run']));
    expect(scripts.filter((script) => !known.includes(script))).toEqual([]);
  });
});

describe('SECURITY', () => {
  it('has a way to report that depends on no address', () => {
    expect(security.text).not.toMatch(/[\w.]+@[\w-]+\.\w+|https?:/);
    expect(security.text).toContain(`npm view ${manifest.name} maintainers`);
  });

  it('is right that the package has no install scripts', () => {
    expect(Object.keys(manifest.scripts).filter((name) => /^(?:pre|post)?install$/.test(name))).toEqual([]);
  });
});

describe('install scripts', () => {
  const lockfile = JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf8'));
  const withScripts = Object.entries<{ hasInstallScript?: boolean; dev?: boolean }>(lockfile.packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path, { dev = false }]) => ({ name: path.replace(/^.*node_modules\//, ''), dev }));

  it('are all denied, and none comes with the published package', () => {
    expect(manifest.allowScripts).toEqual(Object.fromEntries(withScripts.map(({ name }) => [name, false])));
    expect(withScripts.filter(({ dev }) => !dev)).toEqual([]);
  });

  it('are each explained in CONTRIBUTING', () => {
    expect(quoted(proseOf(contributing))).toEqual(
      expect.arrayContaining(withScripts.map(({ name }) => name)),
    );
  });
});

describe('CHANGELOG', () => {
  it('begins with the version of package.json', () => {
    expect(newestRelease(readPage('CHANGELOG.md').text)?.version).toBe(manifest.version);
  });
});
