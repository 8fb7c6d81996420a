import {
  isNonEmptyString,
  type OptionCheck,
  type OptionChecks,
  stringOption,
} from '../../../src/internal/options.ts';
import type { PolicyRefusal } from '../../../src/ports/policy.ts';

/** The response of a ready-made policy that refuses. */
export type RefusalOptions = {
  /** HTTP status, 400 to 599. Default 403, unless the policy says otherwise. */
  readonly status?: number | undefined;
  /** Error code. Default `M_FORBIDDEN`, unless the policy says otherwise. */
  readonly errcode?: string | undefined;
  /** The `error` field of the response, which the inviter sees. Default: the policy's own. */
  readonly message?: string | undefined;
};

const statusOption: OptionCheck = {
  expects: 'an HTTP status from 400 to 599',
  accepts: (value) => Number.isInteger(value) && (value as number) >= 400 && (value as number) <= 599,
};

const errcodeOption: OptionCheck = {
  expects: 'an errcode, a non-empty string',
  accepts: isNonEmptyString,
};

/** The checks of these options, to spread into a policy's own table. */
export const refusalChecks: OptionChecks<RefusalOptions> = {
  status: statusOption,
  errcode: errcodeOption,
  message: stringOption,
};

/** Applies the options to a policy's own refusal. The defaults are 403 `M_FORBIDDEN`. */
export function refusalFrom(
  { status, errcode, message }: RefusalOptions,
  ownRefusal: PolicyRefusal,
): PolicyRefusal {
  return Object.freeze({
    ...ownRefusal,
    status: status ?? ownRefusal.status ?? 403,
    errcode: errcode ?? ownRefusal.errcode ?? 'M_FORBIDDEN',
    message: message ?? ownRefusal.message,
  });
}
