import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sources } from './entry-points.ts';
import { pages, ROOT } from './pages.ts';

const run = promisify(execFile);

/** The built reference: its folder, and its pages by path relative to the folder. */
let folder: string;
let html: Map<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'express-matrix-invite-reference-'));
  // Fails on any warning, such as a broken link or an export without a comment.
  await run(process.execPath, [`${ROOT}node_modules/typedoc/bin/typedoc`, '--out', folder], { cwd: ROOT });
  const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.html'));
  html = new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(folder, path), 'utf8')] as const)),
  );
}, 120_000);

afterAll(() => rm(folder, { recursive: true }));

/** Returns the values of an attribute in all pages, each with the page it is from. */
function referencesBy(attribute: string): { readonly from: string; readonly to: string }[] {
  return [...html].flatMap(([from, text]) =>
    [...text.matchAll(new RegExp(`\\s${attribute}="([^"]*)"`, 'g'))].map(([, to = '']) => ({ from, to })),
  );
}

describe('the TypeDoc reference', () => {
  it('has a page for each entry point', () => {
    const titles = [...html]
      .filter(([path]) => path.startsWith('modules/'))
      .map(([, text]) => /<h1>Module (\S+?)<\/h1>/.exec(text.replaceAll('<wbr/>', ''))?.[1]);
    expect(titles.sort()).toEqual([...sources.keys()].sort());
  });

  it('starts with the README and contains every page of the docs', () => {
    expect(html.get('index.html')).toContain('Mount it');
    const documents = pages.filter(({ path }) => path.startsWith('docs/')).map(({ path }) => path);
    for (const path of documents) {
      expect([...html.keys()]).toContain(`documents/${path.replaceAll('/', '_').replace(/\.md$/, '.html')}`);
    }
  });

  it('has no broken internal links', () => {
    const internal = referencesBy('href').filter(({ to }) => !/^(?:https?:|#|$)/.test(to));
    const broken = internal.filter(({ from, to }) => {
      const [path = '', anchor] = to.split('#');
      const target = join(dirname(from), decodeURIComponent(path));
      if (!existsSync(join(folder, target))) return true;
      const text = html.get(target);
      return anchor !== undefined && text !== undefined && !text.includes(`id="${anchor}"`);
    });
    expect(internal.length).toBeGreaterThan(1_000);
    expect(broken).toEqual([]);
  });

  it('loads no scripts, styles, fonts or images from elsewhere', async () => {
    const css = await readFile(join(folder, 'assets/style.css'), 'utf8');
    expect(referencesBy('src').filter(({ to }) => /^(?:\w+:)?\/\//.test(to))).toEqual([]);
    expect(
      [...html.values()].flatMap((text) => text.match(/<link[^>]*href="(?:\w+:)?\/\/[^>]*>/g) ?? []),
    ).toEqual([]);
    expect(css.match(/(?:url\(|@import)\s*["']?(?:https?:)?\/\/[^)]*/g) ?? []).toEqual([]);
  });
});
