import { expect } from 'vitest';
import { isStorageUnavailable, type StorageUnavailableError } from '../../../src/errors.ts';
import type { AppendResult, StorageAdapter } from '../../../src/ports/storage.ts';
import { basisFor, inTime, inviteOf } from '../../support/storage-room.ts';

/** Returns the StorageUnavailableError that an append rejects with. */
export async function storageErrorOf(append: Promise<AppendResult>): Promise<StorageUnavailableError> {
  const outcome: unknown = await append.catch((error: unknown) => error);
  expect(outcome).toSatisfy(isStorageUnavailable);
  return outcome as StorageUnavailableError;
}

/** Reads the basis of an invite while the store works. `append` appends the invite later. */
export async function decideInvite(store: StorageAdapter, roomId: string, userId: string) {
  const basis = await basisFor(store, roomId, userId);
  return {
    basis,
    append: (by: StorageAdapter = store, context = inTime()): Promise<AppendResult> =>
      by.appendEvent(inviteOf(roomId, userId), basis, context),
  };
}
