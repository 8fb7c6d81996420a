/** @import { Case, RoomSummary, Setup } from '../demo-api.ts' */
/** @import { Invite } from './exchange.js' */
/** @import { Waits } from './waits.js' */
import { byId, make } from './dom.js';
import { nameOf } from './names.js';

const as = byId('as', HTMLSelectElement);
const room = byId('room', HTMLSelectElement);
const invitee = byId('invitee', HTMLInputElement);
const reason = byId('reason', HTMLInputElement);
const sendButton = byId('send', HTMLButtonElement);

/**
 * Fills the form and the buttons, and tells what is to be sent.
 *
 * @param {Setup} setup
 * @param {(invites: readonly Invite[]) => void} onSend
 * @param {(roomId: string) => RoomSummary | undefined} roomOf
 * @param {Waits} waits
 */
export function prepareForm({ logins, cases, serverName }, onSend, roomOf, waits) {
  as.replaceChildren(...logins.map(({ userId }) => make('option', { value: userId }, nameOf(userId))));
  invitee.value = `@bob:${serverName}`;
  as.addEventListener('change', () => showWaits(waits));

  /** @returns {Invite} */
  const inviteOfForm = () => ({
    token: logins.find(({ userId }) => userId === as.value)?.token ?? '',
    as: as.value,
    roomId: room.value,
    invitee: invitee.value,
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
      // Only new invites count: others are answered as ever while their inviter has to wait.
      if (one.invitee === 'newGuest') button.dataset.waitsFor = one.as;
      button.addEventListener('click', () => {
        if (button.ariaDisabled === 'true') return;
        const names = inviteesOf(one, roomOf(one.roomId)?.nextGuest ?? 1, serverName);
        as.value = one.as;
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
 * Offers a room, and its members as invitees.
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
 * Shows on the buttons how long their inviters have to wait. They keep the focus, and so are not `disabled`.
 *
 * @param {Waits} waits
 */
export function showWaits(waits) {
  const seconds = waits.secondsLeft(as.value);
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
function inviteesOf({ invitee: who, times }, nextGuest, serverName) {
  return Array.from({ length: times }, (_, index) =>
    who === 'newGuest' ? `@guest${nextGuest + index}:${serverName}` : who,
  );
}
