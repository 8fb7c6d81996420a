/** One thing to measure: what the server is, and what it is asked. */
export type Case = {
  readonly app: 'express5' | 'express4' | 'headers' | 'invite';
  readonly store: 'memory' | 'sqlite' | 'postgres';
  readonly limits: 'none' | 'memory' | 'limited' | 'redis';
  readonly processes: number;
  readonly rooms: number;
  /** Of each room, beside Alice and Bob. */
  readonly members: number;
  readonly connections: number;
  readonly ask: Ask;
};

/** `invite`: of a new user each; `reinvite`: of one who has an invite; `refuse`: by one who is not in the room. */
export type Ask = 'invite' | 'reinvite' | 'refuse' | 'limit' | 'unauthorised';

/** Our whole invite, on 1,000 rooms in memory, for 32 callers. */
export const USUAL: Case = {
  app: 'invite',
  store: 'memory',
  limits: 'none',
  processes: 1,
  rooms: 1_000,
  members: 0,
  connections: 32,
  ask: 'invite',
};

export const ANSWERS: Record<Ask, { readonly token: string; readonly status: number }> = {
  invite: { token: 'alice-token', status: 200 },
  reinvite: { token: 'alice-token', status: 200 },
  refuse: { token: 'mallory-token', status: 403 },
  limit: { token: 'alice-token', status: 429 },
  unauthorised: { token: 'nobodys-token', status: 401 },
};

/** Whether its requests are stored. */
export function isStored({ app, ask }: Case): boolean {
  return app === 'invite' && ask === 'invite';
}
