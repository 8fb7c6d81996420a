import { SERVER_NAME } from '../quickstart/rooms.ts';

/** What a client of the provider is known by. */
export type Credentials = { readonly clientId: string; readonly clientSecret: string };

/** What the provider of the demo is told when it starts. */
export type ProviderSettings = {
  readonly port: number;
  /** May ask whose a token is. */
  readonly inviteServer: Credentials;
  /** May sign users in. */
  readonly demo: Credentials;
};

/** Users sign in here without a browser, which a real provider has no grant for. */
export const DEMO_GRANT = 'urn:example:demo-sign-in';

/** The scope of a Matrix client (client-server API, "Scope"). */
export const MATRIX_API = 'urn:matrix:client:api:*';
export const DEMO_DEVICE = 'urn:matrix:client:device:DEMODEVICE';

/** Who can sign in, and what their Matrix ids are. */
export const USERNAMES = ['alice', 'bob', 'carol', 'dave'] as const;
export type Username = (typeof USERNAMES)[number];

export const userIdOf = (username: string): string => `@${username}:${SERVER_NAME}`;
