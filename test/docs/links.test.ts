import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorOf, type Page, pages, proseOf, ROOT, readPage, sectionsOf } from './pages.ts';

const userPages: readonly Page[] = [
  ...pages,
  ...['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'].map(readPage),
];
const all: readonly Page[] = [...userPages, readPage('findings/README.md')];

type Link = { readonly page: string; readonly target: string };

const links: readonly Link[] = all.flatMap((page) =>
  [...proseOf(page).matchAll(/\[[^\]]*\]\(([^)]*)\)/g)].map((match) => ({
    page: page.path,
    target: match[1] ?? '',
  })),
);

function anchorsOf(page: Page): string[] {
  const seen = new Map<string, number>();
  return sectionsOf(page).map(({ title }) => {
    const anchor = anchorOf(title);
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
}

function isBroken({ page, target }: Link): boolean {
  if (/^https:\/\//.test(target)) return false;
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? page : normalize(join(dirname(page), file));
  if (path.startsWith('..') || !existsSync(`${ROOT}${path}`)) return true;
  return anchor !== undefined && !anchorsOf(readPage(path)).includes(anchor);
}

describe('links in the README, docs and changelog', () => {
  it('lead to an existing file and heading, or to the web', () => {
    expect(links.filter(({ target }) => target.includes('#')).length).toBeGreaterThan(20);
    expect(links.filter(isBroken)).toEqual([]);
  });

  it("lead from the README to every page, if not from its folder's README", () => {
    const targets = links.map(({ page, target }) => ({ page, path: join(dirname(page), target) }));
    const pathsFrom = (page: string) => targets.filter((each) => each.page === page).map(({ path }) => path);
    for (const { path } of userPages.filter((page) => page.path !== 'README.md')) {
      const index = join(dirname(path), 'README.md');
      const isIndexed = index !== path && existsSync(ROOT + index);
      expect(pathsFrom(isIndexed ? index : 'README.md')).toContain(path);
    }
  });

  it('list every second-level section of a page that starts with a list of its sections', () => {
    for (const page of all) {
      const listed = [...proseOf(page).matchAll(/^- \[([^\]]*)\]\(#([^)]*)\)$/gm)].map((match) => match[1]);
      if (listed.length === 0) continue;
      const titles = sectionsOf(page).filter(({ level }) => level === 2);
      expect([page.path, listed]).toEqual([page.path, titles.map(({ title }) => title)]);
    }
  });
});

describe('the README', () => {
  it('fits on two screens, not counting one row per adapter', () => {
    const lines = readPage('README.md').text.trimEnd().split('\n');
    const others = lines.filter((line) => !line.startsWith('| `express-matrix-invite/'));
    expect(others.length).toBeLessThanOrEqual(86);
  });
});
