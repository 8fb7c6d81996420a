type Refund = () => Promise<void>;

/**
 * Proof of consumed points. Only the limiter that created it can refund it, and only once.
 *
 * It keeps its content in private fields. A `WeakMap` of receipts would do the same, but costs the garbage
 * collector a third of the time of `MemoryRateLimit`.
 */
export class Receipt {
  readonly #issuer: object;
  #refund: Refund | undefined;

  constructor(issuer: object, refund: Refund) {
    this.#issuer = issuer;
    this.#refund = refund;
  }

  /**
   * Refunds a receipt. Does nothing if it is already refunded, comes from another issuer, or is not a
   * receipt.
   */
  static refund(receipt: unknown, issuer: object): Promise<void> | undefined {
    if (typeof receipt !== 'object' || receipt === null || !(#issuer in receipt)) return undefined;
    if (receipt.#issuer !== issuer) return undefined;
    const refund = receipt.#refund;
    receipt.#refund = undefined;
    return refund?.();
  }
}
