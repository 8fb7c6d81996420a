import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { browser } from './chromium.ts';

export type Look = { readonly width: number; readonly scheme: 'light' | 'dark' };

const DESKTOP: Look = { width: 1280, scheme: 'light' };
export const LOOKS: readonly Look[] = [1280, 390].flatMap((width) => [
  { width, scheme: 'light' as const },
  { width, scheme: 'dark' as const },
]);

/** Chromium writes every refusal into the console: those of the endpoint are what the page is there to show. */
const REFUSAL = /^Failed to load resource: the server responded with a status of 4\d\d/;
const ENDPOINT = /^\/_matrix\/client\/(v3|unstable\/org\.example)\/rooms\/[^/]+\/invite(\/check)?$/;

/** A page that is watched: what its console says, and where it sends requests. */
export class Visit {
  readonly page: Page;
  /** Errors and warnings. */
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

  /** A page in a browser profile of its own. */
  static async start(url: string, look: Look = DESKTOP): Promise<Visit> {
    const context = await (await browser()).newContext({
      viewport: { width: look.width, height: 900 },
      colorScheme: look.scheme,
      // Colours on their way from one to another would be measured half-way.
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(15_000);
    return new Visit(await context.newPage(), new URL(url).origin);
  }

  /** Opens the demo's page, and waits until its rooms are there. */
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

  /** Ends it, and holds it to what every visit must keep: a silent console, and requests to the demo alone. */
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

/** A visit of the demo's page, from its first sight to its end. */
export async function visit(
  url: string,
  work: (page: Page) => Promise<void>,
  look: Look = DESKTOP,
): Promise<void> {
  const one = await Visit.start(url, look);
  await one.open();
  await work(one.page);
  await one.end();
}
