/** A Lua script on a client. It touches one key, so it also runs on a cluster. It can throw. */
export type Script = (key: string, ...parameters: string[]) => Promise<unknown>;

/** What counting needs from a client, whichever library it comes from. */
export type Connection = {
  /**
   * True if a command would be sent now, or would wait for the first connection. Commands never wait for a
   * reconnection.
   */
  readonly isUsable: boolean;
  /** The error of a call while the client is not usable. */
  readonly error: Error;
  /**
   * True if the client forgets the commands that have no reply when it loses its connection. Their promises never settle.
   */
  readonly losesCommands: boolean;
  /**
   * Returns true once for each connection after the first: what is known about the previous one does not apply to it.
   */
  isNew(): boolean;
  /** Returns the address of the server that has a key. Without a cluster, there is a single server: the result is empty. */
  serverOf(redisKey: string): string;
  /** Sends all commands of this turn of the event loop in a single write, if the client does not do so itself. */
  writeTogether(): void;
  /** Prepares a script, so that it is usually sent as its hash. */
  defineScript(lua: string): Script;
  /** The command SREM. It can throw. */
  removeMember(redisKey: string, member: string): Promise<unknown>;
};

/** What the host app should do if it uses the client in a way that counting cannot share. */
export const OWN_CONNECTION = 'give RedisRateLimit a connection of its own';
