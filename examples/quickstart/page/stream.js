/** @import { RoomSummary } from '../demo-api.ts' */
import { announce, byId } from './dom.js';

const RETRY_MS = 5_000;

/**
 * Calls `onRoom` with every room, and again whenever a room changes.
 *
 * @param {(room: RoomSummary) => void} onRoom
 * @param {() => void} onReset called when the rate limits have started over
 */
export function streamRooms(onRoom, onReset) {
  const source = new EventSource('/demo/rooms');
  source.addEventListener('open', () => setState('live', 'Live'));
  source.addEventListener('room', ({ data }) => onRoom(JSON.parse(data)));
  source.addEventListener('reset', onReset);
  source.addEventListener('error', () => {
    setState('lost', 'Connection lost, reconnecting…');
    // The browser reconnects automatically, unless the server refused the stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => streamRooms(onRoom, onReset), RETRY_MS);
  });
}

/**
 * @param {string} state
 * @param {string} text
 */
function setState(state, text) {
  const live = byId('live', HTMLElement);
  if (live.dataset.state === state) return;
  const isFirst = live.dataset.state === 'connecting';
  live.dataset.state = state;
  live.textContent = text;
  if (!isFirst) announce(text);
}
