type GiveBack = () => Promise<void>;

/**
 * Proof of a debit, which only the limiter that made it can redeem, and only once.
 *
 * It keeps in private fields what it stands for. A `WeakMap` of receipts would do the same, but costs the garbage
 * collector a third of what `MemoryRateLimit` takes.
 */
export class Receipt {
  readonly #maker: object;
  #giveBack: GiveBack | undefined;

  constructor(maker: object, giveBack: GiveBack) {
    this.#maker = maker;
    this.#giveBack = giveBack;
  }

  /** What the receipt is good for: undefined for one that was redeemed, of another maker, or that is none. */
  static redeem(receipt: unknown, maker: object): GiveBack | undefined {
    if (typeof receipt !== 'object' || receipt === null || !(#maker in receipt)) return undefined;
    if (receipt.#maker !== maker) return undefined;
    const giveBack = receipt.#giveBack;
    receipt.#giveBack = undefined;
    return giveBack;
  }
}
