/** @import { Member, RoomEvent, RoomSummary } from '../demo-api.ts' */
import { byId, make } from './dom.js';
import { nameOf, phraseOf } from './names.js';

const EVENTS_SHOWN = 6;
const MEMBERS_SHOWN = 7;

/**
 * The whole reasons that the page has asked for, by event ID.
 *
 * @type {Map<string, string>}
 */
const wholeReasons = new Map();

/**
 * The changes that each membership allows, with the texts of their buttons.
 *
 * @type {Map<string, [change: string, text: string][]>}
 */
const CHANGES = new Map([
  [
    'invite',
    [
      ['accept', 'Accept'],
      ['leave', 'Decline'],
    ],
  ],
  ['join', [['leave', 'Leave']]],
  ['ban', [['unban', 'Unban']]],
]);

/**
 * Shows a room, and replaces its previous card. The focus stays with the member or event that had it.
 *
 * @param {RoomSummary} room
 * @param {RoomSummary | undefined} before
 * @param {(path: string) => void} onChange called with the path to POST to
 */
export function showRoom(room, before, onChange) {
  const titleId = `room-${room.id}`;
  const article = make(
    'article',
    { class: 'room', 'data-room': room.id, 'aria-labelledby': titleId },
    make('h3', { id: titleId }, room.name),
    make('p', { class: 'facts' }, `Version ${room.version} · inviting requires power ${room.inviteLevel}`),
    make('code', { class: 'id' }, room.id),
    make('h4', {}, 'Members'),
    memberList(room, onChange),
    make('h4', {}, 'Timeline'),
    timeline(room, before),
  );
  const shown = document.querySelector(`[data-room="${CSS.escape(room.id)}"]`);
  if (shown === null) {
    byId('rooms', HTMLElement).append(article);
    return;
  }
  const focused = shown.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.closest('[data-key]')?.getAttribute('data-key');
  shown.replaceWith(article);
  if (focused === null) return;
  const heading = article.querySelector('h3');
  /** @type {HTMLElement | null} */
  const next = article.querySelector(`[data-key="${CSS.escape(key ?? '')}"] :is(button, q)`) ?? heading;
  // A heading cannot have the focus otherwise.
  if (next === heading) next?.setAttribute('tabindex', '-1');
  next?.focus();
}

/**
 * @param {RoomSummary} room
 * @param {(path: string) => void} onChange
 */
function memberList({ id, members, memberCount }, onChange) {
  const shown = members.slice(0, MEMBERS_SHOWN).map((member) => memberItem(id, member, onChange));
  return make('ul', { class: 'members' }, ...shown, ...more(memberCount - shown.length));
}

/**
 * @param {string} roomId
 * @param {Member} member
 * @param {(path: string) => void} onChange
 */
function memberItem(roomId, { userId, membership, power }, onChange) {
  const role = power === 'creator' ? 'creator' : `power ${power}`;
  const buttons = (CHANGES.get(membership) ?? []).map(([change, text]) => {
    const button = make('button', { class: 'small', type: 'button' }, text);
    button.ariaLabel = `${text}: ${nameOf(userId)}`;
    const query = new URLSearchParams({ room: roomId, user: userId, change });
    button.addEventListener('click', () => onChange(`/demo/change?${query}`));
    return button;
  });
  return make(
    'li',
    { 'data-membership': membership, 'data-key': userId },
    make('span', { class: 'initial', 'aria-hidden': 'true' }, nameOf(userId).charAt(0)),
    make('bdi', {}, nameOf(userId)),
    make(
      'span',
      { class: 'role' },
      membership === 'join' ? role : (MEMBERSHIPS.get(membership) ?? membership),
    ),
    make('span', { class: 'changes' }, ...buttons),
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
    { 'data-key': event.id, ...(isNew && { class: 'new' }) },
    make(
      'time',
      { datetime: at.toISOString() },
      at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
    ),
    make('bdi', {}, phraseOf(event)),
    ...(event.reason === undefined ? [] : reasonParts(event)),
  );
}

/**
 * A shortened reason has a button that shows all of it.
 *
 * @param {RoomEvent} event
 */
function reasonParts({ id, reason = '', isReasonShortened }) {
  const quote = make('q', { dir: 'auto' }, reason);
  if (!isReasonShortened) return [quote];
  /** @param {string} whole */
  const showWhole = (whole) => {
    quote.textContent = whole;
    // It may be long, so it scrolls.
    quote.className = 'whole';
    quote.tabIndex = 0;
  };
  const whole = wholeReasons.get(id);
  if (whole !== undefined) {
    showWhole(whole);
    return [quote];
  }
  const button = make('button', { class: 'small', type: 'button' }, 'Show all');
  button.addEventListener('click', async () => {
    const response = await fetch(`/demo/reason?event=${encodeURIComponent(id)}`);
    if (!response.ok) return;
    wholeReasons.set(id, await response.text());
    showWhole(wholeReasons.get(id) ?? '');
    button.remove();
    quote.focus();
  });
  return [quote, button];
}

/** @param {number} count */
function more(count) {
  return count > 0 ? [make('li', { class: 'more soft' }, `and ${count} more`)] : [];
}
