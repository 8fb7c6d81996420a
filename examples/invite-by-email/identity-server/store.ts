import { createHash, randomUUID } from 'node:crypto';
import type { JsonObject, JsonValue } from 'express-matrix-invite';
import { SigningKey } from './keys.ts';

/** An invite that waits until its address is bound. */
export type PendingInvite = {
  readonly medium: string;
  readonly address: string;
  readonly room_id: string;
  readonly sender: string;
  readonly token: string;
};

type Session = {
  readonly secret: string;
  readonly email: string;
  readonly token: string;
  isValidated: boolean;
};

/** What an identity server knows. */
export class IdentityStore {
  /** The long-term key. A new one makes the earlier one invalid. */
  key = new SigningKey('ed25519:0', 'base64');
  readonly ephemeralKeys = new Map<string, SigningKey>();
  /** User IDs by access token. */
  readonly tokens = new Map<string, string>();
  /** User IDs by address and medium, separated by a space. */
  readonly bindings = new Map<string, string>();
  readonly sessions = new Map<string, Session>();
  readonly invites: PendingInvite[] = [];
  algorithms = new Set(['sha256']);
  pepper = 'matrixrocks';
  /** Policies that users must accept. */
  policies: JsonObject = {};
  readonly #accepted = new Map<string, Set<JsonValue>>();

  register(userId: string): string {
    const token = randomUUID();
    this.tokens.set(token, userId);
    return token;
  }

  accept(userId: string, urls: JsonValue | undefined): void {
    const accepted = this.#accepted.get(userId) ?? new Set();
    for (const url of Array.isArray(urls) ? urls : []) accepted.add(url);
    this.#accepted.set(userId, accepted);
  }

  /** Returns true if the user has accepted one language of each policy. */
  hasAccepted(userId: string): boolean {
    return Object.values(this.policies).every((policy) =>
      Object.values(policy as JsonObject).some((language) =>
        this.#accepted.get(userId)?.has((language as { url?: string }).url ?? ''),
      ),
    );
  }

  lookUp(algorithm: string, queries: readonly JsonValue[]): JsonObject {
    const bound = [...this.bindings].map(([query, mxid]) => [
      algorithm === 'none'
        ? query
        : createHash('sha256').update(`${query} ${this.pepper}`).digest('base64url'),
      mxid,
    ]);
    return Object.fromEntries(bound.filter(([query]) => queries.includes(query as string)));
  }

  sessionOf(sid: string, secret: string): Session | undefined {
    const session = this.sessions.get(sid);
    return session?.secret === secret ? session : undefined;
  }

  forget(invites: readonly PendingInvite[]): void {
    for (const invite of invites) this.invites.splice(this.invites.indexOf(invite), 1);
  }
}
