import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { NewStateEvent } from '../../src/rooms/event.ts';
import { authContract, runContract, type StorageHarness, storageContract } from '../../src/testing/index.ts';
import { ReferenceAuth } from './reference/auth.ts';
import { authHarness, storageHarness } from './reference/harnesses.ts';

/** Runs the storage cases of one promise with a faulty harness. */
async function failuresOf(
  postcondition: string,
  change: (harness: StorageHarness) => Partial<StorageHarness>,
) {
  const cases = storageContract.filter((each) => each.postcondition === postcondition);
  const { failed } = await runContract(cases, async () => {
    const harness = storageHarness();
    return { ...harness, ...change(harness) };
  });
  return failed.map(({ name }) => name);
}

describe('a case that needs a capability', () => {
  it('catches an outage that rejects with another error than StorageUnavailableError', async () => {
    const fail = () => Promise.reject(new Error('ECONNREFUSED'));
    const unreachable = async () => ({ readState: fail, appendEvent: fail });
    expect(await failuresOf('appendEvent 6', () => ({ unreachable }))).toHaveLength(1);
  });

  it('catches an outage that resolves stale', async () => {
    const unreachable = async () => ({
      readState: async () => undefined,
      appendEvent: async () => ({ outcome: 'stale' as const }),
    });
    expect(await failuresOf('appendEvent 6', () => ({ unreachable }))).toHaveLength(1);
  });

  it('catches a store that stores what it refuses', async () => {
    const failures = await failuresOf('appendEvent 7', ({ adapter }) => ({
      adapter: {
        readState: (...call) => adapter.readState(...call),
        async appendEvent(event, basis, context) {
          const result = await adapter.appendEvent(event, basis, context);
          const kept = { ...event, content: { membership: 'invite' } };
          if (result.outcome === 'refused') await adapter.appendEvent(kept, basis, context);
          return result;
        },
      },
    }));
    expect(failures).toContain('resolves refused with an error, and stores nothing, if the store refuses');
  });

  it('catches a store that shows what it is about to refuse', async () => {
    const failures = await failuresOf('appendEvent 7', ({ adapter }) => {
      let uncommitted: NewStateEvent[] = [];
      return {
        adapter: {
          async readState(...call) {
            const snapshot = await adapter.readState(...call);
            return snapshot && { ...snapshot, events: [...snapshot.events, ...uncommitted] };
          },
          async appendEvent(...call) {
            uncommitted = [call[0]];
            await setImmediate();
            await setImmediate();
            uncommitted = [];
            return adapter.appendEvent(...call);
          },
        },
      };
    });
    expect(failures).toEqual(['never shows an event that it refuses, not even for a moment']);
  });

  it('catches an authentication adapter that resolves unknown while its store is down', async () => {
    const cases = authContract.filter(({ postcondition }) => postcondition === 'authenticate 4');
    const unreachable = async () => ({ authenticate: async () => ({ failure: 'unknown' as const }) });
    const { failed } = await runContract(cases, async () => ({ ...authHarness(ReferenceAuth), unreachable }));
    expect(failed).toHaveLength(1);
  });
});
