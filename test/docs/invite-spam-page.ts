// Reads the settings and figures of docs/invite-spam.md for the tests.
import { codeBlocksOf, type Page, readPage, sectionsOf, tableRowsOf } from './pages.ts';

export const page: Page = readPage('docs/invite-spam.md');

export const MONITOR = 'Monitor invites';
export const LIMIT = 'Limit the inviter';
export const CAP = 'Cap unanswered invites';
export const CONTENT = 'Refuse links and honor blocks';

/** Returns the code block of a section: the settings that the section recommends. */
export function blockUnder(title: string): string {
  const [, section = ''] = page.text.split(`\n## ${title}\n`);
  const blocks = codeBlocksOf({ path: page.path, text: section.split('\n## ')[0] ?? '' });
  const block = blocks.find(({ language }) => language === 'ts');
  if (block === undefined) throw new Error(`no code block under "${title}"`);
  return block.text;
}

export const tableUnder = (title: string): string[][] =>
  tableRowsOf(sectionsOf(page).find((section) => section.title === title)?.text ?? '');
