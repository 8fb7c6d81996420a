import { functionOption, type OptionChecks } from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { isServerName } from '../../../src/rooms/identifiers.ts';
import type { AppServiceRegistration } from './registration.ts';

/** The options of `appServices`. */
export type AppServicesOptions = {
  /**
   * The server's name; all of its names where it has several, as in the router's option. Senders are users of the
   * first. Required.
   */
  readonly serverName: string | readonly string[];
  /** The registrations, as a YAML parser gives them. Required. */
  readonly registrations: readonly AppServiceRegistration[];
  /**
   * Whether a user is registered. Anything but `true`: 403 `M_FORBIDDEN`. Asked about asserted users that are in a
   * namespace, and not about senders. Default: everybody in a namespace is.
   */
  readonly userExists?: (userId: string, context: CallContext) => boolean | Promise<boolean>;
  /**
   * Whether a device is one of the user's. Anything but `true`: 400 `M_UNKNOWN_DEVICE`. Asked about asserted devices,
   * of senders too. Default: no device is known.
   */
  readonly deviceExists?: (
    userId: string,
    deviceId: string,
    context: CallContext,
  ) => boolean | Promise<boolean>;
};

/** The checks of {@link AppServicesOptions}. */
export const appServicesOptionChecks: OptionChecks<AppServicesOptions> = {
  serverName: {
    required: true,
    expects: 'a server name such as "example.org", or a list of them',
    accepts: (value) => {
      const names: readonly unknown[] = Array.isArray(value) ? value : [value];
      return names.length > 0 && names.every((name) => typeof name === 'string' && isServerName(name));
    },
  },
  registrations: {
    required: true,
    expects: 'a list of registrations',
    // Their content has checks of its own.
    accepts: Array.isArray,
  },
  userExists: functionOption,
  deviceExists: functionOption,
};
