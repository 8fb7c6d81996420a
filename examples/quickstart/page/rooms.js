/** @import { Member, RoomEvent, RoomSummary } from '../demo-api.ts' */
import { byId, make } from './dom.js';
import { nameOf, phraseOf } from './names.js';

const EVENTS_SHOWN = 6;
const MEMBERS_SHOWN = 7;

/**
 * Shows a room, and replaces its previous card.
 *
 * @param {RoomSummary} room
 * @param {RoomSummary | undefined} before
 */
export function showRoom(room, before) {
  const titleId = `room-${room.id}`;
  const article = make(
    'article',
    { class: 'room', 'data-room': room.id, 'aria-labelledby': titleId },
    make('h3', { id: titleId }, room.name),
    make('p', { class: 'facts' }, `Version ${room.version} · inviting requires power ${room.inviteLevel}`),
    make('code', { class: 'id' }, room.id),
    make('h4', {}, 'Members'),
    memberList(room),
    make('h4', {}, 'Timeline'),
    timeline(room, before),
  );
  const shown = document.querySelector(`[data-room="${CSS.escape(room.id)}"]`);
  if (shown === null) byId('rooms', HTMLElement).append(article);
  else shown.replaceWith(article);
}

/** @param {RoomSummary} room */
function memberList({ members, memberCount }) {
  const shown = members.slice(0, MEMBERS_SHOWN).map(memberItem);
  return make('ul', { class: 'members' }, ...shown, ...more(memberCount - shown.length));
}

/** @param {Member} member */
function memberItem({ userId, membership, power }) {
  const role = power === 'creator' ? 'creator' : `power ${power}`;
  return make(
    'li',
    { 'data-membership': membership },
    make('span', { class: 'initial', 'aria-hidden': 'true' }, nameOf(userId).charAt(0)),
    make('bdi', {}, nameOf(userId)),
    make(
      'span',
      { class: 'role' },
      membership === 'join' ? role : (MEMBERSHIPS.get(membership) ?? membership),
    ),
  );
}

const MEMBERSHIPS = new Map([
  ['invite', 'invited'],
  ['ban', 'banned'],
]);

/**
 * @param {RoomSummary} room
 * @param {RoomSummary | undefined} before
 */
function timeline({ events, eventCount }, before) {
  const shown = events.slice(0, EVENTS_SHOWN).map((event) => {
    const isNew = before !== undefined && !before.events.some(({ id }) => id === event.id);
    return eventItem(event, isNew);
  });
  return make('ol', { class: 'timeline' }, ...shown, ...more(eventCount - shown.length));
}

/**
 * @param {RoomEvent} event
 * @param {boolean} isNew
 */
function eventItem(event, isNew) {
  const at = new Date(event.at);
  return make(
    'li',
    isNew ? { class: 'new' } : {},
    make(
      'time',
      { datetime: at.toISOString() },
      at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
    ),
    make('bdi', {}, phraseOf(event)),
    ...(event.reason === undefined ? [] : [make('q', { dir: 'auto' }, event.reason)]),
  );
}

/** @param {number} count */
function more(count) {
  return count > 0 ? [make('li', { class: 'more soft' }, `and ${count} more`)] : [];
}
