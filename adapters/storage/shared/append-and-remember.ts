import type { MatrixError } from '../../../src/errors.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { AppendResult, StateSnapshot } from '../../../src/ports/storage.ts';
import type { NewStateEvent } from '../../../src/rooms/event.ts';
import type { Append, Appended } from './append-lanes.ts';
import type { RememberedState } from './remembered-state.ts';
import { checkBasis } from './same-state.ts';
import { type StoredEvent, storedEvent } from './stored-event.ts';

/** What a store appends with. */
type AppendingStore = {
  readonly appends: { append(append: Append, context: CallContext): Promise<Appended> };
  readonly remembered: RememberedState<StoredEvent>;
  /** Returns the refusal that a failure stands for, such as a constraint of the host app. */
  refusalBehind(failure: unknown): MatrixError | undefined;
};

/** Appends an event if its basis still holds, and remembers what that has proved. */
export async function appendAndRemember(
  { appends, remembered, refusalBehind }: AppendingStore,
  event: NewStateEvent,
  basis: StateSnapshot,
  context: CallContext,
): Promise<AppendResult> {
  checkBasis(event, basis);
  const content = JSON.stringify(event.content);
  let appended: Appended;
  try {
    appended = await appends.append({ event, content, basis }, context);
  } catch (failure) {
    const error = refusalBehind(failure);
    if (error === undefined) throw failure;
    return { outcome: 'refused', error };
  }
  if (typeof appended === 'string') {
    remembered.forget(event.room_id);
    return { outcome: 'stale' };
  }
  remembered.appended(basis, storedEvent(event, content, appended.eventId));
  return { outcome: 'appended', ...appended };
}
