import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { AuthAdapter, AuthRequest } from '../../ports/auth.ts';
import { caseMaker, type DefineCase } from '../contract.ts';

/** A token that the adapter knows, and its user. */
export type KnownToken = { readonly accessToken: string; readonly userId: string };

/** The authentication contract's view of an adapter. */
export type AuthHarness = {
  readonly adapter: AuthAdapter;
  /** At least two tokens, of different users. */
  readonly known: readonly KnownToken[];
  /**
   * Returns the adapter's argument for a token: {@link authRequest} is enough if the adapter uses only the
   * token.
   */
  makeRequest(accessToken: string): AuthRequest;
  /** Returns an adapter whose own store cannot be reached. */
  unreachable?(): Promise<AuthAdapter>;
  /** Releases the resources of the harness. */
  close?(): Promise<void>;
};

/** Defines a case of the authentication contract. */
export const authCase: DefineCase<AuthHarness> = caseMaker();

/** Returns a request as the router passes it to an adapter, with the token in its `Authorization` header. */
export function authRequest(accessToken: string): AuthRequest {
  const request = new IncomingMessage(new Socket());
  request.method = 'POST';
  request.headers.authorization = `Bearer ${accessToken}`;
  return { accessToken, request };
}
