import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { browser } from './chromium.ts';

export type Screen = { readonly width: number; readonly height?: number; readonly scheme: 'light' | 'dark' };

const DESKTOP: Screen = { width: 1280, scheme: 'light' };
export const SCREENS: readonly Screen[] = [1280, 390].flatMap((width) => [
  { width, scheme: 'light' as const },
  { width, scheme: 'dark' as const },
]);

/** Chromium logs every 4xx response to the console. Those of the endpoint are expected: the page shows them. */
const REFUSAL = /^Failed to load resource: the server responded with a status of 4\d\d/;
const ENDPOINT = /^\/_matrix\/client\/(v3|unstable\/org\.example)\/rooms\/[^/]+\/invite(\/check)?$/;

/** A page that records its console messages and its requests. */
export class Visit {
  readonly page: Page;
  /** Uncaught errors, and errors and warnings in the console. */
  readonly problems: string[] = [];
  readonly requests: string[] = [];
  readonly #origin: string;

  private constructor(page: Page, origin: string) {
    this.page = page;
    this.#origin = origin;
    page.on('pageerror', (error) => this.problems.push(String(error)));
    page.on('request', (request) => this.requests.push(request.url()));
    page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return;
      const { url } = message.location();
      const isRefusal = REFUSAL.test(message.text()) && ENDPOINT.test(new URL(url).pathname);
      if (!isRefusal) this.problems.push(message.text());
    });
  }

  /** Creates a blank page in its own browser profile. */
  static async start(url: string, screen: Screen = DESKTOP): Promise<Visit> {
    const context = await (await browser()).newContext({
      viewport: { width: screen.width, height: screen.height ?? 900 },
      colorScheme: screen.scheme,
      // Otherwise, colors would be measured in mid-transition.
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(15_000);
    return new Visit(await context.newPage(), new URL(url).origin);
  }

  /** Opens the demo's page and waits until it shows the rooms. */
  async open(): Promise<void> {
    await this.page.goto(this.#origin);
    await this.page.locator('#live[data-state=live]').waitFor();
    await this.page.locator('.room').nth(3).waitFor();
  }

  async openDocs(): Promise<void> {
    await this.page.goto(`${this.#origin}/docs`);
    await this.page.locator('.execute').waitFor();
    // The token is filled in last.
    await this.page.locator('.authorize.locked').waitFor();
  }

  /** Closes the page. Checks that its console had no problems and that it sent requests only to the demo. */
  async end(): Promise<void> {
    await this.page.context().close();
    const others = this.requests.filter(
      (url) => !url.startsWith(`${this.#origin}/`) && !url.startsWith('data:'),
    );
    expect(others).toEqual([]);
    expect(this.requests.length).toBeGreaterThan(5);
    expect(this.problems).toEqual([]);
  }
}

/** Opens the demo's page, runs `work` on it, and ends the visit. */
export async function withPage(
  url: string,
  work: (page: Page) => Promise<void>,
  screen: Screen = DESKTOP,
): Promise<void> {
  const visit = await Visit.start(url, screen);
  await visit.open();
  await work(visit.page);
  await visit.end();
}
