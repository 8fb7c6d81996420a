/** Who has to wait before they send again, since a 429 said so. */
export class Waits {
  /** @type {Map<string, number>} When each may send again, in milliseconds since the epoch. */
  #ends = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #onTick;

  /** @param {(over: readonly string[]) => void} onTick told every second who need not wait any more */
  constructor(onTick) {
    this.#onTick = onTick;
  }

  /**
   * @param {string} userId
   * @param {number} seconds
   */
  start(userId, seconds) {
    this.#ends.set(userId, Date.now() + seconds * 1_000);
    this.#timer ??= setInterval(() => this.#tick(), 1_000);
  }

  /**
   * Whole seconds; 0 for who need not wait.
   *
   * @param {string} userId
   */
  secondsLeft(userId) {
    return Math.max(0, Math.ceil(((this.#ends.get(userId) ?? 0) - Date.now()) / 1_000));
  }

  #tick() {
    const over = [...this.#ends.keys()].filter((userId) => this.secondsLeft(userId) === 0);
    for (const userId of over) this.#ends.delete(userId);
    if (this.#ends.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#onTick(over);
  }
}
