import { hasMethods } from '../../src/internal/options.ts';
import type { Requester } from '../../src/ports/auth.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { AddressPolicyRequest, InvitePolicy, PolicyRequest } from '../../src/ports/policy.ts';
import { booleanResult } from './shared/boolean-result.ts';

/** The invite of a user, or of an address: then it has `medium` and `address` in place of `userId`. */
export type ExemptionRequest<R extends Requester = Requester> = Partial<PolicyRequest<R>> &
  Partial<AddressPolicyRequest<R>> &
  Pick<PolicyRequest<R>, 'requester' | 'roomId'>;

/**
 * Exempts some invites from a policy: those by administrators, for example, or those to one room. The policy
 * is not called for them, so they pass even if it fails.
 *
 * ```ts
 * policies: [except(contentRules({ links: 'refuse' }), ({ requester }) => admins.has(requester.userId))]
 * ```
 *
 * It keeps the name of the inner policy.
 *
 * @param isExempt returns true for invites that the policy does not apply to. Fails closed: if it throws,
 *   takes too long or returns anything but a boolean, the invite is refused.
 * @throws {TypeError} if the first argument is not a policy, or the second is not a function
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function except<R extends Requester = Requester>(
  policy: InvitePolicy<R>,
  isExempt: (request: ExemptionRequest<R>, context: CallContext) => boolean | Promise<boolean>,
): InvitePolicy<R> {
  if (!hasMethods(policy, 'decide')) {
    throw new TypeError('except: the first argument must be a policy, with the method decide');
  }
  if (typeof isExempt !== 'function') {
    throw new TypeError(
      'except: the second argument must be a function that returns true for exempt invites',
    );
  }
  const isExempted = (request: ExemptionRequest<R>, context: CallContext) =>
    booleanResult('except: isExempt', isExempt(request, context));
  return {
    name: policy.name,
    stateKeys:
      typeof policy.stateKeys === 'function'
        ? (request) => (typeof policy.stateKeys === 'function' ? policy.stateKeys(request) : [])
        : (policy.stateKeys ?? []),
    async decide(request, context) {
      return (await isExempted(request, context)) ? undefined : policy.decide(request, context);
    },
    ...(policy.decideByAddress !== undefined && {
      async decideByAddress(request, context) {
        return (await isExempted(request, context)) ? undefined : policy.decideByAddress?.(request, context);
      },
    }),
  };
}
