/** @import { Case, RoomSummary, Setup } from '../demo-api.ts' */
/** @import { Invite } from './exchange.js' */
/** @import { Waits } from './waits.js' */
import { byId, make } from './dom.js';
import { nameOf } from './names.js';

const inviter = byId('inviter', HTMLSelectElement);
const room = byId('room', HTMLSelectElement);
const invitee = byId('invitee', HTMLInputElement);
const reason = byId('reason', HTMLInputElement);
const sendButton = byId('send', HTMLButtonElement);

/**
 * Fills the form and the buttons, and calls `onSend` with the invites to send.
 *
 * @param {Setup} setup
 * @param {(invites: readonly Invite[]) => void} onSend
 * @param {(roomId: string) => RoomSummary | undefined} roomOf
 * @param {Waits} waits
 */
export function prepareForm({ logins, cases, serverName }, onSend, roomOf, waits) {
  inviter.replaceChildren(...logins.map(({ userId }) => make('option', { value: userId }, nameOf(userId))));
  invitee.value = `@bob:${serverName}`;
  byId('invitee-hint', HTMLElement).replaceChildren(
    make('code', {}, 'bob'),
    ' means ',
    make('code', {}, `@bob:${serverName}`),
  );
  inviter.addEventListener('change', () => showWaits(waits));

  /** @returns {Invite} */
  const inviteOfForm = () => ({
    token: logins.find(({ userId }) => userId === inviter.value)?.token ?? '',
    inviter: inviter.value,
    roomId: room.value,
    invitee: userIdOf(invitee.value, serverName),
    reason: reason.value,
  });

  byId('invite', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    if (sendButton.ariaDisabled !== 'true') onSend([inviteOfForm()]);
  });

  byId('cases', HTMLElement).replaceChildren(
    ...cases.map((one) => {
      const button = make(
        'button',
        { type: 'button', 'data-case': one.id },
        make('strong', {}, one.title),
        make('span', {}, one.about),
        make('span', { class: 'left' }),
      );
      // Only new invites count in the rate limit. Other invites still work while their inviter has to wait.
      if (one.invitee === 'newGuest') button.dataset.waitsFor = one.inviter;
      button.addEventListener('click', () => {
        if (button.ariaDisabled === 'true') return;
        const names = inviteesOf(one, roomOf(one.roomId)?.nextGuest ?? 1, serverName);
        inviter.value = one.inviter;
        room.value = one.roomId;
        invitee.value = names.at(-1) ?? '';
        reason.value = '';
        showWaits(waits);
        onSend(names.map((name) => ({ ...inviteOfForm(), invitee: name })));
      });
      return make('li', {}, button);
    }),
  );
}

/**
 * Returns the user ID that a name means, as a login field does. Anything else is sent as it is.
 *
 * @param {string} typed
 * @param {string} serverName
 */
function userIdOf(typed, serverName) {
  const name = typed.trim().toLowerCase();
  return /^[a-z0-9._=/+-]+$/.test(name) ? `@${name}:${serverName}` : typed;
}

/**
 * Adds a room to the form, and its members to the suggested invitees.
 *
 * @param {RoomSummary} summary
 */
export function offerRoom(summary) {
  if (![...room.options].some(({ value }) => value === summary.id)) {
    room.append(make('option', { value: summary.id }, summary.name));
  }
  const people = byId('people', HTMLDataListElement);
  const known = new Set([...people.options].map(({ value }) => value));
  const added = summary.members.filter(({ userId }) => !known.has(userId));
  people.append(...added.map(({ userId }) => make('option', { value: userId })));
}

/**
 * Shows on the buttons how long their inviters must wait. Uses `aria-disabled`, because `disabled` would lose the focus.
 *
 * @param {Waits} waits
 */
export function showWaits(waits) {
  const seconds = waits.secondsLeft(inviter.value);
  sendButton.ariaDisabled = String(seconds > 0);
  sendButton.textContent = seconds > 0 ? `Send invite in ${seconds} s` : 'Send invite';
  for (const button of document.querySelectorAll('#cases [data-waits-for]')) {
    const left = waits.secondsLeft(button.getAttribute('data-waits-for') ?? '');
    button.ariaDisabled = String(left > 0);
    button.querySelector('.left')?.replaceChildren(left > 0 ? `again in ${left} s` : '');
  }
}

/**
 * @param {Case} one
 * @param {number} nextGuest
 * @param {string} serverName
 */
function inviteesOf({ invitee: userId, times }, nextGuest, serverName) {
  return Array.from({ length: times }, (_, index) =>
    userId === 'newGuest' ? `@guest${nextGuest + index}:${serverName}` : userId,
  );
}
