import { createHash } from 'node:crypto';
import type { IntrospectionClaims } from './claims.ts';
import { Recent } from './recent.ts';

/** What the provider says of a token. */
export type Answer =
  | { readonly active: false }
  | { readonly active: true; readonly claims: IntrospectionClaims };

type Ask = (accessToken: string) => Promise<Answer>;

/** The longest time for which a token is held to be inactive without another question, in milliseconds. */
const MAX_INACTIVE_MS = 5_000;

/**
 * Remembers the provider's answers for a time, and asks once however many ask at the same time. Failures are not
 * remembered.
 */
export class Answers {
  readonly #ask: Ask;
  // Kept apart, so that whoever sends made-up tokens pushes out no one's login.
  readonly #active: Recent<Answer>;
  readonly #inactive: Recent<Answer>;
  readonly #underWay = new Map<string, Promise<Answer>>();

  constructor(ask: Ask, ttlMs: number, maxEntries: number) {
    this.#ask = ask;
    this.#active = new Recent(ttlMs, maxEntries);
    this.#inactive = new Recent(Math.min(ttlMs, MAX_INACTIVE_MS), maxEntries);
  }

  of(accessToken: string): Promise<Answer> {
    // The tokens themselves would stand in every dump of the heap.
    const key = createHash('sha256').update(accessToken).digest('base64');
    const known = this.#active.get(key) ?? this.#inactive.get(key);
    if (known !== undefined) return Promise.resolve(known);
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const asked = this.#askAndKeep(key, accessToken).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, asked);
    return asked;
  }

  async #askAndKeep(key: string, accessToken: string): Promise<Answer> {
    const answer = await this.#ask(accessToken);
    (answer.active ? this.#active : this.#inactive).keep(key, answer);
    return answer;
  }
}
