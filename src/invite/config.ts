import { defaultLogger, neverThrows } from '../internal/logger.ts';
import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import type { InvitePolicy } from '../ports/policy.ts';
import type { RateLimitAdapter } from '../ports/rate-limit.ts';
import type { StorageAdapter } from '../ports/storage.ts';
import type { UserDirectory } from '../ports/user-directory.ts';
import { Background } from './background.ts';
import type { InviteNotice, InviteServiceOptions } from './service-options.ts';

/** The options of a service with every default filled in, and what all of its requests share. */
export type ServiceSetting<R extends Requester = Requester> = {
  readonly serverNames: ReadonlySet<string>;
  readonly storage: StorageAdapter;
  readonly rateLimit: RateLimitAdapter | false;
  readonly policies: readonly InvitePolicy<R>[];
  readonly users: UserDirectory | undefined;
  readonly beforeAppend: InviteServiceOptions<R>['beforeAppend'];
  readonly onInvite: ((invite: InviteNotice<R>) => unknown) | undefined;
  readonly reasonCodes: boolean;
  readonly logger: Logger;
  readonly deadlineMs: number;
  readonly background: Background;
};

export function settingOf<R extends Requester>(options: InviteServiceOptions<R>): ServiceSetting<R> {
  const { serverName } = options;
  return {
    serverNames: new Set(typeof serverName === 'string' ? [serverName] : serverName),
    storage: options.storage,
    rateLimit: options.rateLimit,
    policies: options.policies ?? [],
    users: options.users,
    beforeAppend: options.beforeAppend,
    onInvite: options.onInvite,
    reasonCodes: options.reasonCodes ?? true,
    logger: neverThrows(options.logger ?? defaultLogger),
    deadlineMs: options.deadlineMs ?? 5_000,
    background: new Background(),
  };
}
