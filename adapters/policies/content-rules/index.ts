import {
  booleanOption,
  checkOptions,
  functionOption,
  type OptionCheck,
} from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { InvitePolicy, PolicyDecision } from '../../../src/ports/policy.ts';
import { type Answer, yesOrNo } from '../shared/answer.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from '../shared/refusal.ts';
import { hasLink } from './links.ts';

/** The most that `maxLength` may be: it bounds what looking for links costs. */
const LONGEST = 10_000;

/** The options of {@link contentRules}. */
export type ContentRulesOptions = RefusalOptions & {
  /** Whether an invite must have a reason that is not blank. Default false. */
  readonly required?: boolean;
  /** How long a reason may be, in Unicode code points, from 1 to 10000. Default 1000. */
  readonly maxLength?: number;
  /** Whether a reason may have links, e-mail addresses, room aliases and user ids. Default `allow`. */
  readonly links?: 'allow' | 'refuse';
  /**
   * Says whether a reason is unwelcome: `true` or `false`. It gets reasons that the other rules let pass only. An
   * error that it throws is logged, and so must not quote the reason. Default: none is.
   */
  readonly isUnwelcome?: (reason: string, context: CallContext) => Answer<boolean>;
};

const maxLengthOption: OptionCheck = {
  expects: `a whole number of characters from 1 to ${LONGEST}`,
  accepts: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= LONGEST,
};

const linksOption: OptionCheck = {
  expects: "'allow' or 'refuse'",
  accepts: (value) => value === 'allow' || value === 'refuse',
};

/**
 * Rules for the `reason` of an invite, which is the inviter's own text: each is 403 `M_FORBIDDEN`, with a message of
 * its own unless the options have one. An invite without a reason, or with a blank one, passes, unless one is `required`.
 *
 * ```ts
 * policies: [contentRules({ maxLength: 300, links: 'refuse', isUnwelcome: (reason) => words.test(reason) })]
 * ```
 *
 * The length is looked at first, so that a long text costs nothing more. Links are found by the package `linkify-it`,
 * an optional peer that this module needs. Disguises by look-alike letters and invisible characters are
 * seen through; a determined writer (`example dot com`) is not stopped.
 *
 * An `isUnwelcome` that throws, is late, or answers anything but `true` or `false` refuses the invite.
 *
 * @throws {TypeError} for an unknown or ill-typed option
 * @see [errors, Ready-made policies](../../../docs/errors.md#ready-made-policies)
 */
export function contentRules(options: ContentRulesOptions = {}): InvitePolicy {
  checkOptions<ContentRulesOptions>('contentRules', options, {
    required: booleanOption,
    maxLength: maxLengthOption,
    links: linksOption,
    isUnwelcome: functionOption,
    ...refusalChecks,
  });
  const { required = false, maxLength = 1000, links = 'allow', isUnwelcome = () => false } = options;
  const because = (message: string) => refusalFrom(options, { message });
  const missing = because('An invite needs a reason');
  const tooLong = because(`The reason must have at most ${maxLength} characters`);
  const linked = because('The reason must have no links');
  const unwelcome = because('The reason is not welcome');

  return {
    name: 'contentRules',
    async decide({ reason = '' }, context): Promise<PolicyDecision> {
      if (isLongerThan(maxLength, reason)) return tooLong;
      if (reason.trim() === '') return required ? missing : undefined;
      if (links === 'refuse' && hasLink(reason)) return linked;
      const isUnwanted = await yesOrNo('contentRules: isUnwelcome', isUnwelcome(reason, context));
      return isUnwanted ? unwelcome : undefined;
    },
  };
}

/** A code point is one or two units of a JavaScript text, so most texts need no counting. */
function isLongerThan(maxLength: number, text: string): boolean {
  if (text.length <= maxLength) return false;
  return text.length > 2 * maxLength || [...text].length > maxLength;
}
