import { transactionalStorage } from '../../adapters/storage/transactional/index.ts';
import { MatrixError } from '../../src/errors.ts';
import { deadlineContext, type StorageHarness } from '../../src/testing/index.ts';
import { roleTablesHarness } from './reference/role-tables.ts';
import { pause } from './reference/storage.ts';

const REFUSED = 'a reason that this host app refuses';

/**
 * `transactionalStorage` on a host app's own tables, with one lock for all rooms, and I/O between any two
 * steps.
 *
 * @param remember the option of that name
 */
export function transactionalHarness(remember = false): StorageHarness {
  const host = roleTablesHarness();
  let last: Promise<unknown> = Promise.resolve();
  const locked = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };

  const adapter = transactionalStorage<undefined>({
    transact: (_roomId, work) => locked(() => work(undefined)),
    async readState(_tx, roomId, keys) {
      await pause();
      const snapshot = await host.adapter.readState(roomId, keys, deadlineContext());
      await pause();
      return snapshot?.events;
    },
    async insert(_tx, event) {
      await pause();
      if (event.content.reason === REFUSED) throw new MatrixError(413, 'M_TOO_LARGE', 'Too large');
      host.insert(event);
      return { eventId: '' };
    },
    remember,
  });

  return {
    ...host,
    adapter,
    ...(remember ? { recall: true as const } : {}),
    refusedContent: { membership: 'invite', reason: REFUSED },
    setMembership: (...change) => locked(() => host.setMembership(...change)),
    setPowerLevels: (...change) => locked(() => host.setPowerLevels(...change)),
  };
}
