import { MatrixError } from '../errors.ts';
import { ignoreRejections } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { PolicyRefusal, PolicyRequest } from '../ports/policy.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import { type Decision, type Refused, refused } from './decision.ts';
import type { Run } from './run.ts';

/**
 * Asks the host's policies in order: the first decision wins. Fails closed.
 *
 * @throws (rejects) when a content of the snapshot cannot be read
 */
export async function decideByPolicies<R extends Requester>(
  run: Run<R>,
  snapshot: StateSnapshot,
): Promise<Decision> {
  for (const policy of run.config.policies) {
    // Reads all contents, which may fail: that is an outage of the store, and not a failure of the policy.
    const request = policyRequest(run.request, snapshot);
    let decision: unknown;
    try {
      decision = await run.deadline.call('decide', (context) => policy.decide(request, context));
    } catch (err) {
      return policyFailed(run, policy.name, err);
    }
    if (decision === undefined) continue;
    if (decision === 'drop') return { kind: 'drop', policy: policy.name };
    if (isPolicyRefusal(decision)) return refusedByPolicy(policy.name, decision);
    ignoreRejections(decision);
    return policyFailed(run, policy.name, invalidDecision(decision));
  }
  return { kind: 'append', basis: snapshot };
}

/** Returns the refusal for a policy that failed: an invite that cannot be judged is refused. */
export function policyFailed<R extends Requester>({ log }: Run<R>, policy: string, err: unknown): Refused {
  log.error({ err, policy }, 'A policy failed or returned an invalid decision: the invite is refused');
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

/** Copies the snapshot for each policy: the append relies on it, and the next policy must see it unchanged. */
function policyRequest<R extends Requester>(
  request: PolicyRequest<R>,
  { roomId, keys, events }: StateSnapshot,
): PolicyRequest<R> & { readonly state: StateSnapshot } {
  const state = { roomId, keys: structuredClone(keys), events: structuredClone(events), revision: undefined };
  return { ...request, state };
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
function invalidDecision(decision: unknown): TypeError {
  const seen =
    typeof decision === 'object' && decision !== null ? 'an object without a message' : String(decision);
  return new TypeError(`decide must return undefined, a refusal with a message, or 'drop', not ${seen}`);
}
