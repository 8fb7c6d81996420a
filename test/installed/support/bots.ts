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

/** A client of the family of matrix-bot-sdk. */
export type Bot = {
  readonly name: string;
  /** What `npm install` takes. */
  readonly version: string;
  readonly program: string;
  /** In whose name it invites. */
  readonly inviter: string;
  /** What its program needs to log in, well or badly. */
  readonly login: object;
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
