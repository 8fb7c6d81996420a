import { type OptionCheck, type OptionChecks, stringOption } from '../../../src/internal/options.ts';
import type { PolicyRefusal } from '../../../src/ports/policy.ts';

/** What a ready-made policy answers when it refuses. */
export type RefusalOptions = {
  /** HTTP status, 400 to 599. Default 403, unless the policy says otherwise. */
  readonly status?: number;
  /** Default `M_FORBIDDEN`, unless the policy says otherwise. */
  readonly errcode?: string;
  /** The answer's `error`, a text for the inviter. Each policy has a default of its own. */
  readonly message?: string;
};

const statusOption: OptionCheck = {
  expects: 'an HTTP status from 400 to 599',
  accepts: (value) => Number.isInteger(value) && (value as number) >= 400 && (value as number) <= 599,
};

const errcodeOption: OptionCheck = {
  expects: 'an errcode, a text that is not empty',
  accepts: (value) => stringOption.accepts(value) && value !== '',
};

/** The checks of these options, to be spread into a policy's own table. */
export const refusalChecks: OptionChecks<RefusalOptions> = {
  status: statusOption,
  errcode: errcodeOption,
  message: stringOption,
};

/** The refusal that the options make of a policy's default one; where neither says, 403 `M_FORBIDDEN`. */
export function refusalFrom(
  { status, errcode, message }: RefusalOptions,
  byDefault: PolicyRefusal,
): PolicyRefusal {
  return Object.freeze({
    ...byDefault,
    status: status ?? byDefault.status ?? 403,
    errcode: errcode ?? byDefault.errcode ?? 'M_FORBIDDEN',
    message: message ?? byDefault.message,
  });
}
