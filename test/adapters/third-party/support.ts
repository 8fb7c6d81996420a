import { onTestFinished } from 'vitest';
import {
  type IdentityServersOptions,
  identityServers,
  OutboundError,
} from '../../../adapters/third-party/index.ts';
import { IdentityServer } from '../../../examples/invite-by-email/identity-server/index.ts';
import { PrivateCa } from '../../../examples/invite-by-email/private-ca.ts';
import { isInviteNotSent, isMatrixError, MatrixError } from '../../../src/errors.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { AddressInvite, ThirdPartyIdentity } from '../../../src/ports/third-party.ts';

export const ALICE = '@alice:example.org';
export const BOB = '@bob:example.org';
export const ADDRESS = 'bob@mail.example';

/** A call without a deadline of its own. */
export const context: CallContext = { signal: new AbortController().signal };

/** The authority of every certificate in a test file. Created once: each key takes a while. */
let authority: Promise<PrivateCa> | undefined;

/** Returns the test file's certificate authority. */
export function ca(): Promise<PrivateCa> {
  authority ??= PrivateCa.create();
  return authority;
}

/** The adapters by their options: to read all of Node's own certificates for each test would take most of its time. */
const adapters = new Map<string, ThirdPartyIdentity>();

/** Returns an adapter that trusts the test's certificates, and may connect to 127.0.0.2. */
export async function adapter(options: Partial<IdentityServersOptions> = {}): Promise<ThirdPartyIdentity> {
  const key = JSON.stringify(options);
  const tls = { ca: (await ca()).certificate };
  const made =
    adapters.get(key) ??
    identityServers({ servers: 'any', allowAddresses: ['127.0.0.2/32'], tls, ...options });
  adapters.set(key, made);
  return made;
}

/** Starts an identity server on 127.0.0.2, with an adapter that may use it and an invite of Bob's address by Alice. */
export async function withIdentityServer(options: Partial<IdentityServersOptions> = {}) {
  const credentials = await (await ca()).issue('IP:127.0.0.2');
  const server = await IdentityServer.start({ credentials });
  onTestFinished(() => server.close());
  const identity = await adapter(options);
  return { server, identity, invite: inviteBy(server) };
}

/** Returns an invite by Alice, who has registered at the identity server. */
export function inviteBy(server: IdentityServer, changes: Partial<AddressInvite> = {}): AddressInvite {
  return {
    idServer: server.name,
    idAccessToken: server.register(ALICE),
    medium: 'email',
    address: ADDRESS,
    roomId: '!room:example.org',
    sender: ALICE,
    ...changes,
  };
}

/** Returns what the client would hear of a rejection, and why. */
export async function rejectionOf(promise: Promise<unknown>) {
  const error: unknown = await promise.then(
    (value) => {
      throw new Error(`It resolved: ${JSON.stringify(value)}`);
    },
    (reason: unknown) => reason,
  );
  const isNotSent = isInviteNotSent(error);
  if (!isNotSent && !isMatrixError(error)) throw error;
  const { status, errcode, retryAfterMs } = isNotSent ? new MatrixError(502, 'M_UNKNOWN', '') : error;
  const failure = error.cause instanceof OutboundError ? error.cause.failure : undefined;
  return { status, errcode, retryAfterMs, failure, isNotSent, error };
}
