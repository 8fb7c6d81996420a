/** Another program may take the port before the server does. */
const MAX_STARTS = 5;

type Server = {
  startAgain(): Promise<void>;
  /** Ends the server, and removes its folder. */
  close(): Promise<void>;
};

/**
 * Creates a server and starts it, up to five times.
 *
 * @param create makes a server for a port that is free at the moment
 */
export async function startOnFreePort<S extends Server>(create: () => Promise<S>): Promise<S> {
  for (let attempt = 1; ; attempt += 1) {
    const server = await create();
    try {
      await server.startAgain();
      return server;
    } catch (error) {
      await server.close();
      if (attempt === MAX_STARTS) throw error;
    }
  }
}
