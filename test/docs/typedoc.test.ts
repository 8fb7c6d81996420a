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

/** The built reference: where it is, and its pages by their paths in it. */
let folder: string;
let html: Map<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'express-matrix-invite-reference-'));
  // Fails on the first warning: a link that leads nowhere, an export without a comment.
  await run(process.execPath, [`${ROOT}node_modules/typedoc/bin/typedoc`, '--out', folder], { cwd: ROOT });
  const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.html'));
  html = new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(folder, path), 'utf8')] as const)),
  );
}, 120_000);

afterAll(() => rm(folder, { recursive: true }));

/** What the pages refer to by an attribute, each with the page that does. */
function referencesBy(attribute: string): { readonly from: string; readonly to: string }[] {
  return [...html].flatMap(([from, text]) =>
    [...text.matchAll(new RegExp(`\\s${attribute}="([^"]*)"`, 'g'))].map(([, to = '']) => ({ from, to })),
  );
}

describe('the reference', () => {
  it('has a page for each entry point', () => {
    const titles = [...html]
      .filter(([path]) => path.startsWith('modules/'))
      .map(([, text]) => /<h1>Module (\S+?)<\/h1>/.exec(text.replaceAll('<wbr/>', ''))?.[1]);
    expect(titles.sort()).toEqual([...sources.keys()].sort());
  });

  it('has README in front, and every page of the docs', () => {
    expect(html.get('index.html')).toContain('Mount it');
    const documents = pages.filter(({ path }) => path.startsWith('docs/')).map(({ path }) => path);
    for (const path of documents) {
      expect([...html.keys()]).toContain(`documents/${path.replaceAll('/', '_').replace(/\.md$/, '.html')}`);
    }
  });

  it('leads by its own links to pages and headings that are there', () => {
    const own = referencesBy('href').filter(({ to }) => !/^(?:https?:|#|$)/.test(to));
    const broken = own.filter(({ from, to }) => {
      const [path = '', anchor] = to.split('#');
      const target = join(dirname(from), decodeURIComponent(path));
      if (!existsSync(join(folder, target))) return true;
      const text = html.get(target);
      return anchor !== undefined && text !== undefined && !text.includes(`id="${anchor}"`);
    });
    expect(own.length).toBeGreaterThan(1_000);
    expect(broken).toEqual([]);
  });

  it('takes scripts, styles, fonts and images from nowhere else', async () => {
    const css = await readFile(join(folder, 'assets/style.css'), 'utf8');
    expect(referencesBy('src').filter(({ to }) => /^(?:\w+:)?\/\//.test(to))).toEqual([]);
    expect(
      [...html.values()].flatMap((text) => text.match(/<link[^>]*href="(?:\w+:)?\/\/[^>]*>/g) ?? []),
    ).toEqual([]);
    expect(css.match(/(?:url\(|@import)\s*["']?(?:https?:)?\/\/[^)]*/g) ?? []).toEqual([]);
  });
});
