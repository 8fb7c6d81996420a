/** The inviters who must wait because of a 429 before they can send another invite. */
export class Waits {
  /** @type {Map<string, number>} The end of each user's wait, in milliseconds since the epoch. */
  #ends = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #onTick;

  /** @param {(ended: readonly string[]) => void} onTick called every second with the users whose wait has ended */
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

  /** Ends all waits. */
  clear() {
    this.#ends.clear();
    this.#tick();
  }

  /**
   * Returns the number of seconds that the user must still wait, or 0.
   *
   * @param {string} userId
   */
  secondsLeft(userId) {
    return Math.max(0, Math.ceil(((this.#ends.get(userId) ?? 0) - Date.now()) / 1_000));
  }

  #tick() {
    const ended = [...this.#ends.keys()].filter((userId) => this.secondsLeft(userId) === 0);
    for (const userId of ended) this.#ends.delete(userId);
    if (this.#ends.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#onTick(ended);
  }
}
