import type { Validator } from '../validation.ts';

export const isError: Validator;
export const isInvited: Validator;
export const isRateLimitError: Validator;
export const isUnauthorizedError: Validator;
export const isUnavailableError: Validator;
export const isAllowHeader: Validator;
export const isRetryAfterHeader: Validator;
