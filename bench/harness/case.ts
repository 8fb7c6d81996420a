/** One thing to measure: the configuration of the server and the requests that it gets. */
export type Case = {
  readonly app: 'express5' | 'express4' | 'headers' | 'invite';
  readonly store: 'memory' | 'sqlite' | 'postgres' | 'mysql';
  readonly limits: 'none' | 'memory' | 'limited' | 'redis';
  readonly processes: number;
  readonly rooms: number;
  /** Members of each room, in addition to Alice and Bob. */
  readonly members: number;
  /** Users with a power level in each room, in addition to Alice. */
  readonly levels: number;
  readonly connections: number;
  readonly traffic: Traffic;
};

/**
 * - `invite`: every request invites a new user
 * - `reinvite`: the invitee already has an invite
 * - `forbidden`: the requester is not in the room
 * - `limited`: a rate limit is reached
 * - `unauthorized`: the access token is unknown
 */
export type Traffic = 'invite' | 'reinvite' | 'forbidden' | 'limited' | 'unauthorized';

/** A complete invite, on 1,000 rooms in memory, over 32 connections. */
export const DEFAULT_CASE: Case = {
  app: 'invite',
  store: 'memory',
  limits: 'none',
  processes: 1,
  rooms: 1_000,
  members: 0,
  levels: 0,
  connections: 32,
  traffic: 'invite',
};

/** The access token of the requests, and the status that every response must have. */
export const TRAFFIC: Record<Traffic, { readonly token: string; readonly status: number }> = {
  invite: { token: 'alice-token', status: 200 },
  reinvite: { token: 'alice-token', status: 200 },
  forbidden: { token: 'mallory-token', status: 403 },
  limited: { token: 'alice-token', status: 429 },
  unauthorized: { token: 'nobodys-token', status: 401 },
};

/** Returns true if each request stores an event. */
export function storesEvents({ app, traffic }: Case): boolean {
  return app === 'invite' && traffic === 'invite';
}
