import type { AppServiceRegistration } from 'express-matrix-invite/auth/app-services';
import { ALICE } from '../../http/support.ts';

const BRIDGED = '@_irc_carl:example.org';

export const registration = {
  id: 'irc',
  url: null,
  as_token: 'irc-token',
  hs_token: 'token-of-the-homeserver',
  sender_localpart: '_irc_bot',
  namespaces: { users: [{ exclusive: true, regex: '@_irc_.*:example\\.org' }] },
} satisfies AppServiceRegistration;

/** A client based on matrix-bot-sdk. */
export type Bot = {
  readonly name: string;
  /** The version to install. */
  readonly version: string;
  readonly program: string;
  /** The user ID that it sends invites as. */
  readonly inviter: string;
  /** Parameters that let its program log in. */
  readonly login: object;
  /** The same with an unknown access token. */
  readonly badLogin: object;
};

export const bots: readonly Bot[] = [
  {
    name: 'matrix-bot-sdk',
    version: '0.8',
    program: 'client/bot-sdk.cjs',
    inviter: ALICE,
    login: { accessToken: 'alice-token' },
    badLogin: { accessToken: 'another-token' },
  },
  {
    name: 'matrix-appservice-bridge',
    version: '11',
    program: 'client/bridge.cjs',
    inviter: BRIDGED,
    login: { registration, inviter: BRIDGED },
    badLogin: { registration: { ...registration, as_token: 'another-token' }, inviter: BRIDGED },
  },
];
