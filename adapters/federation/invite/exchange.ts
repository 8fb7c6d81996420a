import type { Pdu } from '../../../src/pdu/pdu.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { BuiltInvite } from '../../../src/ports/room-graph.ts';
import type { PolicyServer } from '../../../src/rooms/policy-server.ts';
import { withDeadline } from '../../shared/outbound/deadline.ts';
import { OutboundError } from '../../shared/outbound/error.ts';
import type { FederationClient } from '../client/federation-client.ts';
import type { ServerSignatures } from './answer.ts';
import { InviteFailure, noAnswer, noKeys, wasAnyoneAsked } from './errors.ts';
import { isSignedByPolicyServer, signedByPolicyServer } from './policy-server.ts';
import { type Ask, acceptedBy } from './send.ts';

/** The maximum time for one request to a policy server, in milliseconds. */
const POLICY_TIMEOUT_MS = 10_000;

/** Who must sign an invite besides this server. */
export type Signatories = {
  /** The invitee's server, unless it is this one. */
  readonly server: string | undefined;
  readonly policy: PolicyServer | undefined;
};

/**
 * What other servers have been asked about one invite, and their signatures. All calls about an invite share one exchange, so
 * no server is asked twice.
 */
export class Exchange {
  /** False only if certainly nobody was asked. */
  wasAsked = false;
  /** The status of the last response. */
  remoteStatus: number | undefined;
  /** False only if the invitee's server certainly does not have the invite. */
  mayHaveArrived = false;
  /** True if the invite was abandoned: it must no longer be stored. */
  isAbandoned = false;
  readonly #client: FederationClient;
  readonly #timeoutMs: number;
  /** By server name. */
  readonly #signatures = new Map<string, ServerSignatures>();
  #isAccepted = false;
  #underWay: Promise<void> | undefined;

  constructor(client: FederationClient, timeoutMs: number) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  get isUnderWay(): boolean {
    return this.#underWay !== undefined;
  }

  /** Returns the PDU of the invite with all signatures so far, including those that it already has. */
  signed({ pdu }: BuiltInvite): Pdu {
    const signatures = { ...pdu.signatures };
    for (const [server, added] of this.#signatures) {
      const others = Object.hasOwn(signatures, server) ? signatures[server] : {};
      signatures[server] = { ...others, ...added };
    }
    return { ...pdu, signatures };
  }

  /**
   * Has the invite signed by every server that must sign it. Of concurrent calls, one asks, and the others wait for it.
   *
   * @throws {InviteFailure} (rejects) if one of them does not sign
   * @throws (rejects) the errors of the signer and of the key store
   */
  async complete(invite: BuiltInvite, signatories: Signatories): Promise<void> {
    while (!this.#isComplete(invite, signatories)) {
      this.#underWay ??= this.#ask(invite, signatories).finally(() => {
        this.#underWay = undefined;
      });
      await this.#underWay;
    }
  }

  #isComplete(invite: BuiltInvite, { server, policy }: Signatories): boolean {
    return (server === undefined || this.#isAccepted) && this.#hasSigned(invite, policy);
  }

  #hasSigned(invite: BuiltInvite, policy: PolicyServer | undefined): boolean {
    return policy === undefined || isSignedByPolicyServer(this.signed(invite), invite.roomVersion, policy);
  }

  /** Several callers may wait for it, so it has its own deadline. */
  #ask(invite: BuiltInvite, signatories: Signatories): Promise<void> {
    return withDeadline(this.#timeoutMs, undefined, async (signal) => {
      const { server, policy } = signatories;
      if (policy !== undefined && !this.#hasSigned(invite, policy)) {
        await this.#askPolicyServer(invite, policy, { signal });
      }
      if (server !== undefined && !this.#isAccepted) await this.#askServer(invite, server, { signal });
    });
  }

  async #askPolicyServer(invite: BuiltInvite, policy: PolicyServer, context: CallContext): Promise<void> {
    const ask = this.#asking(POLICY_TIMEOUT_MS, context);
    try {
      const signatures = await signedByPolicyServer(policy, this.signed(invite), invite.roomVersion, ask);
      this.#add(policy.serverName, signatures);
    } catch (error) {
      throw policyFailure(error);
    }
  }

  async #askServer(invite: BuiltInvite, server: string, context: CallContext): Promise<void> {
    const ask = this.#asking(this.#timeoutMs, context);
    const findKeys = (serverName: string, keyIds: readonly string[]) =>
      this.#client.keysOf(serverName, keyIds, { for: 'request' }, context).catch((error: unknown) => {
        throw error instanceof OutboundError ? noKeys(error) : error;
      });
    try {
      this.#add(server, await acceptedBy(server, invite, this.signed(invite), ask, findKeys));
    } catch (error) {
      const failure = error instanceof OutboundError ? noAnswer(error) : error;
      if (!(failure instanceof InviteFailure) || failure.kind === 'unknown') this.mayHaveArrived = true;
      throw failure;
    }
    this.#isAccepted = true;
  }

  #asking(timeoutMs: number, context: CallContext): Ask {
    return async (server, request) => {
      try {
        const answer = await this.#client.request(server, { ...request, timeoutMs }, context);
        this.wasAsked = true;
        this.remoteStatus = answer.status;
        return answer;
      } catch (error) {
        if (wasAnyoneAsked(error)) this.wasAsked = true;
        throw error;
      }
    };
  }

  #add(server: string, signatures: ServerSignatures): void {
    this.#signatures.set(server, { ...this.#signatures.get(server), ...signatures });
  }
}

/** A failure of the policy server says nothing about the invitee's server: it was not asked by this request. */
function policyFailure(error: unknown): unknown {
  if (!(error instanceof OutboundError)) return error;
  const failure = noAnswer(error);
  return failure.kind === 'unknown' ? new InviteFailure('notSent', failure.error) : failure;
}
