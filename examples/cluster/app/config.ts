/** The domain of the users' IDs. */
export const SERVER_NAME = 'localhost';

/** A reason why the example cannot start. Only its message is printed, without a stack trace. */
export class CannotStart extends Error {}

// A busy machine needs longer time limits. The tests set this too.
const patience = Number(process.env.PATIENCE || 1);

/** Time limits in milliseconds. */
export const timeLimits = {
  /** For an invite, once its body has arrived. */
  deadlineMs: 5_000 * patience,
  /** For the OAuth provider to introspect a token. */
  loginMs: 3_000 * patience,
  /** For connecting to PostgreSQL or Redis. */
  connectMs: 2_000 * patience,
  /** For PostgreSQL to answer a health check. */
  healthMs: 1_000 * patience,
  /** For Redis to count an invite. */
  redisMs: 200 * patience,
  /** For a server to accept requests after its start. */
  startMs: 30_000 * patience,
  /** For a process to shut down gracefully. After that it is killed. */
  closeMs: 10_000 * patience,
} as const;

/** The OAuth provider, and this app's credentials there. */
export type OAuthClient = {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
};

/** The servers that all worker processes share. */
export type Backends = {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly oauth: OAuthClient;
};

/** Reads the backends from environment variables. The primary process sets them for its workers. */
export function backendsOf(environment: NodeJS.ProcessEnv): Backends {
  const { DATABASE_URL = '', REDIS_URL = '' } = environment;
  const { OAUTH_ISSUER = '', OAUTH_CLIENT_ID = '', OAUTH_CLIENT_SECRET = '' } = environment;
  return {
    databaseUrl: DATABASE_URL,
    redisUrl: REDIS_URL,
    oauth: { issuer: OAUTH_ISSUER, clientId: OAUTH_CLIENT_ID, clientSecret: OAUTH_CLIENT_SECRET },
  };
}

/** The environment variables that {@link backendsOf} reads. */
export function environmentOf({ databaseUrl, redisUrl, oauth }: Backends): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    OAUTH_ISSUER: oauth.issuer,
    OAUTH_CLIENT_ID: oauth.clientId,
    OAUTH_CLIENT_SECRET: oauth.clientSecret,
  };
}

type Range = { readonly min: number; readonly max: number };

export const PORT_RANGE: Range = { min: 0, max: 65_535 };

/**
 * Reads an integer from an environment variable.
 *
 * @throws {CannotStart} if it is not an integer, or is out of range
 */
export function integerFrom(variable: string, defaultValue: number, { min, max }: Range): number {
  const text = process.env[variable] || `${defaultValue}`;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new CannotStart(`${variable} must be an integer from ${min} to ${max}, not "${text}"`);
}
