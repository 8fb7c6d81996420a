import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import biome from '../../biome.json' with { type: 'json' };
import manifest from '../../package.json' with { type: 'json' };
import { newestRelease } from '../../scripts/changelog.ts';
import { codeBlocksOf, proseOf, ROOT, readPage } from './pages.ts';

const contributing = readPage('CONTRIBUTING.md');
const security = readPage('SECURITY.md');

/** Returns the strings in backquotes. */
const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

describe('.editorconfig', () => {
  it('matches the configuration of the formatter', () => {
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

describe('CONTRIBUTING.md', () => {
  it('names only existing files and folders', () => {
    const paths = quoted(proseOf(contributing)).filter((name) =>
      /^(?:src|adapters|test|docs|servers|scripts|examples|bench|findings)(?:\/|$)|^[\w.]+\.(?:json|ts|md)$/.test(
        name,
      ),
    );
    const placeholder = /\b(?:fancy|KIND|NAME)\b|^docs-site/;
    expect(paths.length).toBeGreaterThan(20);
    expect(paths.filter((path) => !placeholder.test(path) && !existsSync(`${ROOT}${path}`))).toEqual([]);
  });

  it('contains only existing npm commands', () => {
    const inBlocks = codeBlocksOf(contributing).flatMap(({ text }) => text.trim().split('\n'));
    const commands = [...inBlocks, ...quoted(proseOf(contributing))].filter((text) =>
      text.startsWith('npm '),
    );
    const scripts = commands.flatMap((command) => /^npm (?:run )?([\w:-]+)/.exec(command)?.[1] ?? []);
    const known = ['ci', 'install', 'pack', 'publish', ...Object.keys(manifest.scripts)];
    expect(scripts).toEqual(expect.arrayContaining(['test', 'check', 'docs', 'release:dry-run']));
    expect(scripts.filter((script) => !known.includes(script))).toEqual([]);
  });
});

describe('SECURITY.md', () => {
  it('gives a way to report vulnerabilities that needs no URL or email address', () => {
    expect(security.text).not.toMatch(/[\w.]+@[\w-]+\.\w+|https?:/);
    expect(security.text).toContain(`npm view ${manifest.name} maintainers`);
  });

  it('correctly states that the package has no install scripts', () => {
    expect(Object.keys(manifest.scripts).filter((name) => /^(?:pre|post)?install$/.test(name))).toEqual([]);
  });
});

describe('install scripts of dependencies', () => {
  const lockfile = JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf8'));
  const withScripts = Object.entries<{ hasInstallScript?: boolean; dev?: boolean }>(lockfile.packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path, { dev = false }]) => ({ name: path.replace(/^.*node_modules\//, ''), dev }));

  it('are all denied, and no production dependency has one', () => {
    expect(manifest.allowScripts).toEqual(Object.fromEntries(withScripts.map(({ name }) => [name, false])));
    expect(withScripts.filter(({ dev }) => !dev)).toEqual([]);
  });

  it('are each explained in CONTRIBUTING.md', () => {
    expect(quoted(proseOf(contributing))).toEqual(
      expect.arrayContaining(withScripts.map(({ name }) => name)),
    );
  });
});

describe('CHANGELOG.md', () => {
  it('starts with the version in package.json', () => {
    expect(newestRelease(readPage('CHANGELOG.md').text)?.version).toBe(manifest.version);
  });
});
