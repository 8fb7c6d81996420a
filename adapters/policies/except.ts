import { hasMethods } from '../../src/internal/options.ts';
import type { Requester } from '../../src/ports/auth.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { InvitePolicy, PolicyRequest } from '../../src/ports/policy.ts';
import { type Answer, yesOrNo } from './shared/answer.ts';

/**
 * A policy with exemptions: invites by administrators, say, or into one room. They pass without the policy being asked,
 * so that not even one that is down stops them.
 *
 * ```ts
 * policies: [except(contentRules({ links: 'refuse' }), ({ requester }) => admins.has(requester.userId))]
 * ```
 *
 * The name stays that of the policy within.
 *
 * @param isExempt says which invites the policy does not hold for: `true` or `false`. When it throws, is late, or answers
 *   anything else, the invite is refused.
 * @throws {TypeError} for something that is no policy, or no function
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function except<R extends Requester = Requester>(
  policy: InvitePolicy<R>,
  isExempt: (request: PolicyRequest<R>, context: CallContext) => Answer<boolean>,
): InvitePolicy<R> {
  if (!hasMethods(policy, 'decide'))
    throw new TypeError('except takes a policy first: an object with decide');
  if (typeof isExempt !== 'function') throw new TypeError('except takes a function second: whom to exempt');
  return {
    name: policy.name,
    stateKeys: (request) =>
      typeof policy.stateKeys === 'function' ? policy.stateKeys(request) : (policy.stateKeys ?? []),
    async decide(request, context) {
      if (await yesOrNo('except: isExempt', isExempt(request, context))) return undefined;
      return policy.decide(request, context);
    },
  };
}
