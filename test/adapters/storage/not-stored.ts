import { expect } from 'vitest';
import { isStorageUnavailable, type StorageUnavailableError } from '../../../src/errors.ts';
import type { AppendResult, StorageAdapter } from '../../../src/ports/storage.ts';
import { basisFor, inTime, inviteOf } from '../../support/storage-room.ts';

/** The failure of an append, which must be a StorageUnavailableError. */
export async function failureOf(append: Promise<AppendResult>): Promise<StorageUnavailableError> {
  const outcome: unknown = await append.catch((error: unknown) => error);
  expect(outcome).toSatisfy(isStorageUnavailable);
  return outcome as StorageUnavailableError;
}

/** Decides on an invite while all is well; it is appended when `append` is called. */
export async function decided(store: StorageAdapter, roomId: string, userId: string) {
  const basis = await basisFor(store, roomId, userId);
  return {
    basis,
    append: (by: StorageAdapter = store, context = inTime()): Promise<AppendResult> =>
      by.appendEvent(inviteOf(roomId, userId), basis, context),
  };
}
