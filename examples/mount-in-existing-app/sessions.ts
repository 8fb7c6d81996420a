import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const LIFETIME_MS = 7 * 24 * 3_600_000;

/** Cookie sessions. The cookie contains the name and the expiry, and is signed so that it cannot be forged. */
export class Sessions {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  /** The value of a `Set-Cookie` header. If you serve the app over HTTPS, add `Secure`. */
  cookieFor(name: string): string {
    const claim = `${Buffer.from(name).toString('base64url')}.${Date.now() + LIFETIME_MS}`;
    const cookie = `session=${claim}.${this.#sign(claim)}`;
    return `${cookie}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${LIFETIME_MS / 1000}`;
  }

  /** The name of the user who is logged in. */
  userOf(request: IncomingMessage): string | undefined {
    const [, name = '', expiry = '', signature = ''] =
      /(?:^|; *)session=([\w-]+)\.(\d+)\.([\w-]+)/.exec(request.headers.cookie ?? '') ?? [];
    const expected = Buffer.from(this.#sign(`${name}.${expiry}`));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    return Number(expiry) > Date.now() ? Buffer.from(name, 'base64url').toString() : undefined;
  }

  #sign(claim: string): string {
    return createHmac('sha256', this.#secret).update(claim).digest('base64url');
  }
}
