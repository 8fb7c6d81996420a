import { MatrixError } from '../errors.ts';
import { ignoreRejections } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { AddressPolicyRequest, PolicyRefusal } from '../ports/policy.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import { type Decision, type Dropped, type Refused, refused } from './decision.ts';
import type { Run } from './run.ts';

type PolicyRun = Pick<Run, 'log' | 'deadline' | 'isRemembered'>;

/**
 * Asks the host's policies in order: the first decision wins. Fails closed. A policy that decided on remembered state
 * without looking at it is not asked again about the state that is read next.
 *
 * @throws (rejects) when a content of the snapshot cannot be read
 */
export async function decideByPolicies<R extends Requester>(
  run: Run<R>,
  snapshot: StateSnapshot,
): Promise<Decision> {
  for (const policy of run.config.policies) {
    const state = new PolicyState(snapshot);
    let decision: unknown;
    try {
      decision = run.statelessDecisions?.has(policy)
        ? run.statelessDecisions.get(policy)
        : await run.deadline.call('decide', (context) => policy.decide(state.addTo(run.request), context));
    } catch (err) {
      state.throwIfUnreadable();
      return policyFailed(run, policy.name, err);
    }
    run.statelessDecisions?.delete(policy);
    if (run.isRemembered && !state.wasRead) {
      run.statelessDecisions ??= new Map();
      run.statelessDecisions.set(policy, decision);
    }
    const against = decisionAgainst(run, policy.name, decision, 'decide');
    if (against !== undefined) return against;
  }
  return { kind: 'append', basis: snapshot };
}

/** Asks the host's policies about an invite by address, as {@link decideByPolicies} does. */
export async function decideAddressByPolicies<R extends Requester>(
  run: PolicyRun & Pick<Run<R>, 'config'>,
  request: AddressPolicyRequest<R>,
  snapshot: StateSnapshot,
): Promise<Refused | Dropped | undefined> {
  for (const policy of run.config.policies) {
    const state = new PolicyState(snapshot);
    let decision: unknown;
    try {
      decision = await run.deadline.call('decide', (context) =>
        policy.decideByAddress?.(state.addTo(request), context),
      );
    } catch (err) {
      state.throwIfUnreadable();
      return policyFailed(run, policy.name, err);
    }
    const against = decisionAgainst(run, policy.name, decision, 'decideByAddress');
    if (against !== undefined) return against;
  }
  return undefined;
}

/** Returns what a policy decided against an invite, or undefined if it has no objection. */
function decisionAgainst(
  run: PolicyRun,
  policy: string,
  decision: unknown,
  method: 'decide' | 'decideByAddress',
): Refused | Dropped | undefined {
  if (decision === undefined) return undefined;
  if (decision === 'drop') return { kind: 'drop', policy };
  if (isPolicyRefusal(decision)) return refusedByPolicy(policy, decision);
  ignoreRejections(decision);
  return policyFailed(run, policy, invalidDecision(method, decision));
}

/**
 * Returns the refusal for a policy that failed: an invite that cannot be judged is refused. On remembered state, only a
 * late policy is logged, because any other is asked again.
 */
export function policyFailed(
  { log, isRemembered, deadline }: PolicyRun,
  policy: string,
  err: unknown,
): Refused {
  if (!isRemembered || deadline.isOver) {
    log.error({ err, policy }, 'A policy failed or returned an invalid decision: the invite is refused');
  }
  return refusedByPolicy(policy, { message: 'The invite could not be checked' });
}

function refusedByPolicy(
  policy: string,
  { status = 403, errcode = 'M_FORBIDDEN', message, fields = {} }: PolicyRefusal,
): Refused {
  return refused(
    { by: 'policy', policy, isDrop: false },
    new MatrixError(status, errcode, message, { fields }),
  );
}

/** The state for one policy: a copy, because the append relies on the snapshot, and the next policy must see it unchanged. */
class PolicyState {
  readonly #snapshot: StateSnapshot;
  #copy: StateSnapshot | undefined;
  #unreadable: { readonly error: unknown } | undefined;

  constructor(snapshot: StateSnapshot) {
    this.#snapshot = snapshot;
  }

  get wasRead(): boolean {
    return this.#copy !== undefined || this.#unreadable !== undefined;
  }

  /** Returns the request of a policy. Its state is copied when the policy looks at it. */
  addTo<Request extends object>(request: Request): Request & { readonly state: StateSnapshot } {
    const stateOf = () => this.#read();
    return {
      ...request,
      get state() {
        return stateOf();
      },
    };
  }

  /** A content that cannot be read is an outage of the store, and not a failure of the policy. */
  throwIfUnreadable(): void {
    if (this.#unreadable !== undefined) throw this.#unreadable.error;
  }

  #read(): StateSnapshot {
    try {
      const { roomId, keys, events } = this.#snapshot;
      this.#copy ??= structuredClone({ roomId, keys, events, revision: undefined });
      return this.#copy;
    } catch (error) {
      this.#unreadable = { error };
      throw error;
    }
  }
}

function isPolicyRefusal(decision: unknown): decision is PolicyRefusal {
  if (typeof decision !== 'object' || decision === null) return false;
  const { status = 403, errcode = 'M_FORBIDDEN', message } = decision as Partial<PolicyRefusal>;
  return (
    Number.isInteger(status) &&
    status >= 400 &&
    status <= 599 &&
    typeof errcode === 'string' &&
    errcode !== '' &&
    typeof message === 'string'
  );
}

/** Returns the error to log for an invalid decision. People try `true` and `false` first. */
function invalidDecision(method: string, decision: unknown): TypeError {
  const seen =
    typeof decision === 'object' && decision !== null ? 'an object without a message' : String(decision);
  return new TypeError(`${method} must return undefined, a refusal with a message, or 'drop', not ${seen}`);
}
