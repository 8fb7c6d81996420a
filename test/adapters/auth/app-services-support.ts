import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import {
  type AppServiceRegistration,
  type AppServicesOptions,
  appServices,
} from '../../../adapters/auth/app-services/index.ts';
import type { AuthAdapter, AuthRequest } from '../../../src/ports/auth.ts';
import { authRequest, deadlineContext } from '../../../src/testing/index.ts';

export const SERVER = 'example.org';
export const IRC_TOKEN = 'as-token-of-irc';
export const SLACK_TOKEN = 'as-token-of-slack';
export const IRC_BOT = '@_irc_bot:example.org';
export const SLACK_BOT = '@_slack_bot:example.org';
export const IRC_ALICE = '@_irc_alice:example.org';

export const irc: AppServiceRegistration = {
  id: 'irc',
  url: 'http://localhost:9999',
  as_token: IRC_TOKEN,
  hs_token: 'hs-token-of-irc',
  sender_localpart: '_irc_bot',
  namespaces: { users: [{ exclusive: true, regex: '@_irc_.*' }], aliases: [], rooms: [] },
};

/** A bridge whose namespace overlaps no other. */
export const slack: AppServiceRegistration = {
  id: 'slack',
  url: null,
  as_token: SLACK_TOKEN,
  hs_token: 'hs-token-of-slack',
  sender_localpart: '_slack_bot',
  namespaces: { users: [{ exclusive: false, regex: '@_slack_[a-z]+:example\\.org' }] },
  rate_limited: false,
};

export const FAILURE = {
  unknown: { failure: 'unknown' },
  forbidden: { failure: 'forbidden' },
  unknownDevice: { failure: 'unknownDevice' },
} as const;

/** Returns an adapter for the IRC bridge and the Slack bridge. */
export function bridges(options: Partial<AppServicesOptions> = {}) {
  return appServices({ serverName: SERVER, registrations: [irc, slack], ...options });
}

/** Returns an adapter for the IRC bridge with these user namespaces. */
export function withUsers(...expressions: readonly string[]) {
  const users = expressions.map((regex) => ({ exclusive: true, regex }));
  return bridges({ registrations: [{ ...irc, namespaces: { users } }] });
}

type Asserted = Pick<AuthRequest, 'assertedUserId' | 'assertedDeviceId'>;

/** Authenticates, by default with the token of the IRC bridge. */
export async function ask<A extends AuthAdapter>(
  auth: A,
  { token = IRC_TOKEN, ...asserted }: Asserted & { readonly token?: string } = {},
) {
  return auth.authenticate({ ...authRequest(token), ...asserted }, deadlineContext());
}

/** Returns true if the IRC bridge may act as a user. */
export async function maySpeakFor(auth: AuthAdapter, assertedUserId: string): Promise<boolean> {
  const result = await ask(auth, { assertedUserId });
  return 'requester' in result && result.requester.userId === assertedUserId;
}

/** Parses the registration file of a bridge. */
export async function registrationFromFile(): Promise<AppServiceRegistration> {
  return parse(await readFile(new URL('app-services-registration.yaml', import.meta.url), 'utf8'));
}
