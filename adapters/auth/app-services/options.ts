import { functionOption, type OptionChecks } from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { isServerName } from '../../../src/rooms/identifiers.ts';
import type { AppServiceRegistration } from './registration.ts';

/** Options for `appServices`. */
export type AppServicesOptions = {
  /**
   * The server name, or all of them if the server has several, as in the router's option. Senders are users
   * of the first one. Required.
   */
  readonly serverName: string | readonly string[];
  /** The registrations, as a YAML parser returns them. Required. */
  readonly registrations: readonly AppServiceRegistration[];
  /**
   * Returns true if a user is registered. Anything but `true` leads to a 403 `M_FORBIDDEN`. Called for
   * asserted users in a namespace, but not for senders. Default: every user in a namespace is.
   */
  readonly userExists?: ((userId: string, context: CallContext) => boolean | Promise<boolean>) | undefined;
  /**
   * Returns true if the user has the device. Anything but `true` leads to a 400 `M_UNKNOWN_DEVICE`. Called
   * for asserted devices, including those of senders. Default: no device is known.
   */
  readonly deviceExists?:
    | ((userId: string, deviceId: string, context: CallContext) => boolean | Promise<boolean>)
    | undefined;
};

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
    // Their content is checked separately.
    accepts: Array.isArray,
  },
  userExists: functionOption,
  deviceExists: functionOption,
};
