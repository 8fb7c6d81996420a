/** @import { RoomSummary, Setup } from '../demo-api.ts' */
/** @import { Exchange, Invite } from './exchange.js' */
import { announce, byId } from './dom.js';
import { exchangeOf, secondsToWait } from './exchange.js';
import { explain } from './explain.js';
import { offerRoom, prepareForm, showWaits } from './form.js';
import { nameOf, phraseOf } from './names.js';
import { codesOf, scrollToResult, showExchanges, showFailure } from './result.js';
import { showRoom } from './rooms.js';
import { streamRooms } from './stream.js';
import { Waits } from './waits.js';

/** @type {Setup} */
const setup = await (await fetch('/demo/setup')).json();
/** @type {Map<string, RoomSummary>} */
const rooms = new Map();
/** The invites that this page sent. It announces their results, so it does not announce their events. */
const sent = new Set();
let isSending = false;
/** The inviter of the result on the page. */
let shownInviter = '';

const waits = new Waits((ended) => {
  showWaits(waits);
  showWait();
  if (ended.length > 0) announce(`${ended.map(nameOf).join(', ')} can send again.`);
});

prepareForm(setup, send, (roomId) => rooms.get(roomId), waits);
streamRooms((room) => {
  const before = rooms.get(room.id);
  rooms.set(room.id, room);
  showRoom(room, before, change);
  offerRoom(room);
  if (before !== undefined) announceNews(room, before);
}, waits.clear.bind(waits));
byId('reset', HTMLButtonElement).addEventListener('click', async () => {
  if (await change('/demo/reset')) announce('The rooms are as they were at the start.');
});

/**
 * Sends invites one after the other, until one is refused.
 *
 * @param {readonly Invite[]} invites
 */
async function send(invites) {
  if (isSending) return;
  isSending = true;
  /** @type {Exchange[]} */
  const exchanges = [];
  try {
    for (const invite of invites) {
      sent.add(keyOf(invite.roomId, invite.inviter, invite.invitee));
      const exchange = await exchangeOf(invite);
      exchanges.push(exchange);
      if (exchange.response.status !== 200) break;
    }
    showResult(exchanges);
  } catch {
    showNoResponse();
  } finally {
    isSending = false;
    scrollToResult();
  }
}

/**
 * Makes a change that is not an invite. The rooms show it when the demo announces it.
 *
 * @param {string} path
 */
async function change(path) {
  try {
    return (await fetch(path, { method: 'POST' })).ok;
  } catch {
    showNoResponse();
    scrollToResult();
    return false;
  }
}

function showNoResponse() {
  showFailure('No response. Is the demo still running?');
  announce('No response.');
}

/** @param {readonly Exchange[]} exchanges */
function showResult(exchanges) {
  const last = exchanges.at(-1);
  const room = last && rooms.get(last.invite.roomId);
  if (last === undefined || room === undefined) return;
  const rule = explain(last, room, setup.invitesPerMinute);
  showExchanges(exchanges, rule);
  shownInviter = last.invite.inviter;
  const seconds = secondsToWait(last);
  const hint = seconds > 0 ? ` ${nameOf(shownInviter)} can send again in ${seconds} seconds.` : '';
  announce(`${last.response.status} ${codesOf(last.response.body).join(' ') || 'OK'}. ${rule}${hint}`);
  if (seconds === 0) return;
  waits.start(shownInviter, seconds);
  showWaits(waits);
  showWait();
}

function showWait() {
  const wait = document.getElementById('wait');
  const isRefusal = document.querySelector('.verdict')?.getAttribute('data-kind') === 'wait';
  if (wait === null || !isRefusal) return;
  const seconds = waits.secondsLeft(shownInviter);
  const name = nameOf(shownInviter);
  wait.textContent = seconds > 0 ? `${name} can send again in ${seconds} s` : `${name} can send again.`;
}

/**
 * @param {RoomSummary} room
 * @param {RoomSummary} before
 */
function announceNews(room, before) {
  const known = new Set(before.events.map(({ id }) => id));
  const news = room.events.filter(
    ({ id, sender, stateKey }) => !known.has(id) && !sent.has(keyOf(room.id, sender, stateKey)),
  );
  if (news.length > 0) announce(`${room.name}: ${news.map(phraseOf).join(', ')}.`);
}

/**
 * @param {string} roomId
 * @param {string} inviter
 * @param {string} invitee
 */
function keyOf(roomId, inviter, invitee) {
  return JSON.stringify([roomId, inviter, invitee]);
}
