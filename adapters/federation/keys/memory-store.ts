import type { ServerKeyStore, ServerKeys } from '../../../src/ports/server-keys.ts';

/** Keeps the keys of the 10,000 most recently used servers in memory. */
export class MemoryServerKeyStore implements ServerKeyStore {
  readonly #maxServers: number;
  /** In the order in which they were used. */
  readonly #servers = new Map<string, ServerKeys>();

  constructor(maxServers = 10_000) {
    this.#maxServers = maxServers;
  }

  async read(serverName: string): Promise<ServerKeys | undefined> {
    const keys = this.#servers.get(serverName);
    if (keys !== undefined) this.#use(serverName, keys);
    return keys;
  }

  async write(serverName: string, keys: ServerKeys): Promise<void> {
    this.#use(serverName, keys);
    for (const oldest of this.#servers.keys()) {
      if (this.#servers.size <= this.#maxServers) return;
      this.#servers.delete(oldest);
    }
  }

  #use(serverName: string, keys: ServerKeys): void {
    this.#servers.delete(serverName);
    this.#servers.set(serverName, keys);
  }
}
