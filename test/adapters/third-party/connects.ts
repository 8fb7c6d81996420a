import { createHook } from 'node:async_hooks';

/** The object behind a TCP connection that this process begins. Node sets its address before it calls the system. */
type Connect = { readonly address?: string; readonly port?: number };

/**
 * Runs work, and returns the addresses at this port that the process has tried to connect to in the meantime, whatever
 * became of it: Node has one `TCPConnectWrap` for each call of `connect(2)`.
 */
export async function connectsDuring(port: number, work: () => Promise<unknown>): Promise<string[]> {
  const begun: Connect[] = [];
  const hook = createHook({
    init: (_id, type, _trigger, resource) => {
      if (type === 'TCPCONNECTWRAP') begun.push(resource as Connect);
    },
  });
  hook.enable();
  try {
    await work();
  } finally {
    hook.disable();
  }
  return begun.filter((each) => each.port === port).map(({ address }) => address ?? '');
}
