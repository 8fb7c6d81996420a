import { hasMethods, integerOption, type OptionCheck } from '../internal/options.ts';
import type { RemoteInvites } from '../ports/remote-invites.ts';

/** The maximum of `timeoutMs`: clients and proxies do not wait longer. */
const MAX_TIMEOUT_MS = 120_000;

const timeout = integerOption('milliseconds', 1, MAX_TIMEOUT_MS);

export const federationCheck: OptionCheck = {
  expects:
    'an object with stateKeys, concerns, objectionTo, invite and abandon, whose timeoutMs is 1 to 120000, and whose ' +
    'unfinished is a function or undefined',
  accepts(value) {
    if (!hasMethods(value, 'stateKeys', 'concerns', 'objectionTo', 'invite', 'abandon')) return false;
    const { timeoutMs, unfinished }: Partial<Record<keyof RemoteInvites, unknown>> = Object(value);
    return timeout.accepts(timeoutMs) && (unfinished === undefined || typeof unfinished === 'function');
  },
};
