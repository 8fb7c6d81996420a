import type { Locator, Page } from 'playwright-core';
import { Example, newDatabasePath } from '../examples/example.ts';

/** Starts the demo as users do, with a new database. */
export async function startDemo(environment: Readonly<Record<string, string>> = {}): Promise<Example> {
  return Example.start('quickstart', { DATABASE: await newDatabasePath(), ...environment });
}

/** Returns the visible text, with line breaks between elements. */
export async function textOf(locator: Locator): Promise<string> {
  return (await locator.allInnerTexts()).join('\n');
}

/** Returns the card of a room. */
export function roomOf(page: Page, name: string): Locator {
  return page.locator('.room').filter({ has: page.getByRole('heading', { name, exact: true }) });
}

/** Returns the entries of a room's timeline without their times, newest first. */
export async function timelineOf(page: Page, name: string): Promise<string[]> {
  return roomOf(page, name).locator('.timeline bdi').allTextContents();
}

export async function pressCase(page: Page, id: string): Promise<void> {
  await page.locator(`[data-case=${id}]`).click();
}

/** Waits until the page shows a response with this status. Returns the text that the page shows for it. */
export async function shownResult(page: Page, status: number) {
  await page.locator('.status strong', { hasText: String(status) }).waitFor();
  const [line, rule, request, response] = await Promise.all(
    ['.status', '.rule', '#request', '#response'].map((selector) => textOf(page.locator(selector))),
  );
  return { line, rule, request, response };
}

/** Fills in these fields and submits the form. */
export async function sendForm(
  page: Page,
  fields: { inviter?: string; room?: string; invitee?: string; reason?: string },
): Promise<void> {
  if (fields.inviter !== undefined) await page.getByLabel('Inviter').selectOption(fields.inviter);
  if (fields.room !== undefined) await page.getByLabel('Room', { exact: true }).selectOption(fields.room);
  if (fields.invitee !== undefined) await page.getByLabel('Invitee').fill(fields.invitee);
  if (fields.reason !== undefined) await page.getByLabel('Reason').fill(fields.reason);
  await page.getByRole('button', { name: 'Send invite' }).click();
}
