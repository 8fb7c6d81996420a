import { OTHER } from './label-values.ts';

/** Lets the first names through, up to a number of them; all later ones are `other`. */
export class FirstNames {
  readonly #most: number;
  readonly #names = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  of(name: string): string {
    if (this.#names.size < this.#most) this.#names.add(name);
    return this.#names.has(name) ? name : OTHER;
  }
}
