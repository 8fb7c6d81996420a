import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { AuthAdapter, AuthRequest } from '../../ports/auth.ts';
import { caseMaker, type DefineCase } from '../contract.ts';

/** A token that the adapter knows, and whose it is. */
export type KnownToken = { readonly accessToken: string; readonly userId: string };

/** What the authentication contract needs. */
export type AuthHarness = {
  readonly adapter: AuthAdapter;
  /** At least two, of different users. */
  readonly known: readonly KnownToken[];
  /** What the adapter is handed for a token: {@link authRequest}, where it looks at nothing else. */
  makeRequest(accessToken: string): AuthRequest;
  /** An adapter whose own store cannot be reached. */
  unreachable?(): Promise<AuthAdapter>;
  /** Frees what the harness holds. */
  close?(): Promise<void>;
};

/** Makes a case of the authentication contract. */
export const authCase: DefineCase<AuthHarness> = caseMaker();

/** A request as the router hands it to an adapter, with the token in its `Authorization` header. */
export function authRequest(accessToken: string): AuthRequest {
  const request = new IncomingMessage(new Socket());
  request.method = 'POST';
  request.headers.authorization = `Bearer ${accessToken}`;
  return { accessToken, request };
}
