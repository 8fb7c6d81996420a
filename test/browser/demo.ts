import type { Locator, Page } from 'playwright-core';
import { Example, newDatabasePath } from '../examples/example.ts';

/** The demo as users start it, with rooms in which nothing has happened yet. */
export async function startDemo(environment: Readonly<Record<string, string>> = {}): Promise<Example> {
  return Example.start('quickstart', { DATABASE: await newDatabasePath(), ...environment });
}

/** As it is seen: with space between elements that stand apart. */
export async function textOf(locator: Locator): Promise<string> {
  return (await locator.allInnerTexts()).join('\n');
}

/** The room's card. */
export function roomOf(page: Page, name: string): Locator {
  return page.locator('.room').filter({ has: page.getByRole('heading', { name, exact: true }) });
}

/** The texts of a room's timeline, the newest first, without times. */
export async function timelineOf(page: Page, name: string): Promise<string[]> {
  return roomOf(page, name).locator('.timeline bdi').allTextContents();
}

export async function pressCase(page: Page, id: string): Promise<void> {
  await page.locator(`[data-case=${id}]`).click();
}

/** What the page shows of the last answer, once it is that status. */
export async function shown(page: Page, status: number) {
  await page.locator('.status strong', { hasText: String(status) }).waitFor();
  const [line, rule, request, response] = await Promise.all(
    ['.status', '.rule', '#request', '#response'].map((selector) => textOf(page.locator(selector))),
  );
  return { line, rule, request, response };
}

/** Sends what the form says after these fields are filled in. */
export async function sendForm(
  page: Page,
  fields: { as?: string; into?: string; whom?: string; reason?: string },
): Promise<void> {
  if (fields.as !== undefined) await page.getByLabel('As', { exact: true }).selectOption(fields.as);
  if (fields.into !== undefined) await page.getByLabel('Into').selectOption(fields.into);
  if (fields.whom !== undefined) await page.getByLabel('Whom').fill(fields.whom);
  if (fields.reason !== undefined) await page.getByLabel('Reason').fill(fields.reason);
  await page.getByRole('button', { name: 'Send invite' }).click();
}
