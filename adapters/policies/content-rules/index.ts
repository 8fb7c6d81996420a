import {
  booleanOption,
  checkOptions,
  functionOption,
  integerOption,
  type OptionChecks,
  oneOf,
} from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { InvitePolicy, PolicyDecision } from '../../../src/ports/policy.ts';
import { booleanResult } from '../shared/boolean-result.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from '../shared/refusal-options.ts';
import { hasLink } from './links.ts';

/** The limit of `maxLength`: it bounds the cost of the search for links. */
const MAX_MAX_LENGTH = 10_000;

/** Options for {@link contentRules}. */
export type ContentRulesOptions = RefusalOptions & {
  /** Whether an invite must have a reason that is not blank. Default false. */
  readonly required?: boolean | undefined;
  /** The maximum length of a reason, in Unicode code points, from 1 to 10000. Default 1000. */
  readonly maxLength?: number | undefined;
  /** Whether a reason may contain links, email addresses, room aliases and user IDs. Default `allow`. */
  readonly links?: 'allow' | 'refuse' | undefined;
  /**
   * Returns true for an unwelcome reason. Only called for reasons that the other rules let pass. Errors that
   * it throws are logged, so they must not quote the reason. Default: no check.
   */
  readonly isUnwelcome?: ((reason: string, context: CallContext) => boolean | Promise<boolean>) | undefined;
};

const optionChecks: OptionChecks<ContentRulesOptions> = {
  required: booleanOption,
  maxLength: integerOption('characters', 1, MAX_MAX_LENGTH),
  links: oneOf('allow', 'refuse'),
  isUnwelcome: functionOption,
  ...refusalChecks,
};

/**
 * Checks the `reason` of an invite, which the inviter writes. Each rule refuses with a 403 `M_FORBIDDEN` and
 * its own message, or the response in the options. An invite with no reason or a blank one passes, unless a
 * reason is `required`.
 *
 * ```ts
 * policies: [contentRules({ maxLength: 300, links: 'refuse', isUnwelcome: (reason) => words.test(reason) })]
 * ```
 *
 * The length is checked first, so that a long reason costs nothing more. The search for links needs the
 * package `linkify-it`, an optional peer dependency. It recognizes links with look-alike letters and
 * invisible characters, but does not stop a determined writer (`example dot com`).
 *
 * Fails closed: if `isUnwelcome` throws, takes too long or returns anything but a boolean, the invite is
 * refused.
 *
 * @throws {TypeError} for an unknown or invalid option
 * @see [errors, Ready-made policies](../../../docs/errors.md#ready-made-policies)
 */
export function contentRules(options: ContentRulesOptions = {}): InvitePolicy {
  const checked = checkOptions<ContentRulesOptions>('contentRules', options, optionChecks);
  const { required = false, maxLength = 1000, links = 'allow', isUnwelcome = () => false } = checked;
  const refusalWith = (message: string) => refusalFrom(options, { message });
  const missing = refusalWith('An invite needs a reason');
  const tooLong = refusalWith(`The reason must have at most ${maxLength} characters`);
  const linked = refusalWith('The reason must have no links');
  const unwelcome = refusalWith('The reason is not welcome');

  return {
    name: 'contentRules',
    async decide({ reason = '' }, context): Promise<PolicyDecision> {
      if (isLongerThan(maxLength, reason)) return tooLong;
      if (reason.trim() === '') return required ? missing : undefined;
      if (links === 'refuse' && hasLink(reason)) return linked;
      const isRefused = await booleanResult('contentRules: isUnwelcome', isUnwelcome(reason, context));
      return isRefused ? unwelcome : undefined;
    },
    /** An invite by address has no reason. */
    decideByAddress: () => undefined,
  };
}

/** A code point is one or two units of a JavaScript string, so most strings need no counting. */
function isLongerThan(maxLength: number, text: string): boolean {
  if (text.length <= maxLength) return false;
  return text.length > 2 * maxLength || [...text].length > maxLength;
}
