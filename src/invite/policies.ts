import { MatrixError } from '../errors.ts';
import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import type { InvitePolicy, PolicyRefusal, PolicyRequest } from '../ports/policy.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import { isStateKey, type StateKey } from '../rooms/event.ts';
import { inviteStateKeys } from '../rooms/invite-rule.ts';
import type { ServiceSetting } from './config.ts';
import type { Deadline } from './deadline.ts';
import type { InviteTrace } from './trace.ts';

/**
 * The state that an invite is judged by: what the room's rules need, and what policies ask for.
 *
 * @throws {MatrixError} when a policy fails to say what it needs
 */
export function keysToRead<R extends Requester>(
  { policies, logger }: ServiceSetting<R>,
  request: PolicyRequest<R>,
  trace: InviteTrace,
): StateKey[] {
  const needed = inviteStateKeys(request.requester.userId, request.userId);
  const wanted = policies.flatMap((policy) => keysOf(policy, request, logger, trace));
  if (wanted.length === 0) return needed;
  const keys = [...needed, ...wanted];
  return [...new Map(keys.map((key) => [JSON.stringify([key.type, key.state_key]), key])).values()];
}

function keysOf<R extends Requester>(
  policy: InvitePolicy<R>,
  request: PolicyRequest<R>,
  logger: Logger,
  trace: InviteTrace,
): readonly StateKey[] {
  if (typeof policy.stateKeys !== 'function') return policy.stateKeys ?? [];
  try {
    const keys: readonly unknown[] = [...policy.stateKeys(request)];
    if (keys.every(isStateKey)) return keys;
    throw new TypeError('stateKeys must give a list of { type, state_key }');
  } catch (err) {
    trace.policy = policy.name;
    throw refusalOf(policyFailed(policy.name, err, logger));
  }
}

/**
 * Asks the host's policies in order; the first answer wins.
 *
 * @throws {MatrixError} the refusal of a policy, or of one that failed
 */
export async function askPolicies<R extends Requester>(
  { policies, logger }: ServiceSetting<R>,
  request: PolicyRequest<R> & { readonly state: StateSnapshot },
  deadline: Deadline,
  trace: InviteTrace,
): Promise<'drop' | undefined> {
  for (const policy of policies) {
    const decision = await deadline
      .call('decide', (context) => policy.decide(copyOf(request), context))
      .catch((err: unknown) => policyFailed(policy.name, err, logger));
    if (decision === undefined) continue;
    trace.policy = policy.name;
    if (decision === 'drop') return decision;
    throw refusalOf(isRefusal(decision) ? decision : policyFailed(policy.name, nonsense(decision), logger));
  }
  return undefined;
}

/** A copy for each policy: the append stands on the snapshot itself, and the next policy must see what is so. */
function copyOf<R extends Requester>(request: PolicyRequest<R> & { readonly state: StateSnapshot }) {
  const { roomId, keys, events } = request.state;
  const state = { roomId, keys: structuredClone(keys), events: structuredClone(events), revision: undefined };
  return { ...request, state };
}

/** Fails closed: who cannot be judged is refused. */
function policyFailed(policy: string, err: unknown, logger: Logger): PolicyRefusal {
  logger.error({ err, policy }, 'A policy failed, or gave no answer that makes sense: the invite is refused');
  return { message: 'The invite could not be checked' };
}

function isRefusal(decision: unknown): decision is PolicyRefusal {
  if (typeof decision !== 'object' || decision === null) return false;
  const { status = 403, errcode = '', message } = decision as Partial<PolicyRefusal>;
  return (
    Number.isInteger(status) &&
    status >= 400 &&
    status <= 599 &&
    typeof errcode === 'string' &&
    (decision as Partial<PolicyRefusal>).errcode !== '' &&
    typeof message === 'string'
  );
}

function refusalOf({
  status = 403,
  errcode = 'M_FORBIDDEN',
  message,
  fields = {},
}: PolicyRefusal): MatrixError {
  return new MatrixError(status, errcode, message, { fields });
}

/** What a decision that means nothing is logged as: people try `true` and `false` first. */
function nonsense(decision: unknown): TypeError {
  const seen =
    typeof decision === 'object' && decision !== null ? 'an object without a message' : String(decision);
  return new TypeError(`decide must give undefined, a refusal with a message, or 'drop', not ${seen}`);
}
