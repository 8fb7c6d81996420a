/** @import { RoomSummary, Setup } from '../demo-api.ts' */
/** @import { Exchange, Invite } from './exchange.js' */
import { scrollToAnswer, showAnswer, showFailure } from './answer.js';
import { announce } from './dom.js';
import { exchangeOf, secondsToWait } from './exchange.js';
import { offerRoom, prepareForm, showWaits } from './form.js';
import { nameOf, phraseOf } from './names.js';
import { plainWords } from './plain-words.js';
import { showRoom } from './rooms.js';
import { streamRooms } from './stream.js';
import { Waits } from './waits.js';

/** @type {Setup} */
const setup = await (await fetch('/demo/setup')).json();
/** @type {Map<string, RoomSummary>} */
const rooms = new Map();
/** What this page sent: the answer says what became of it, the timeline need not. */
const sent = new Set();
let isSending = false;
/** Whose wait the shown answer tells of. */
let shownInviter = '';

const waits = new Waits((over) => {
  showWaits(waits);
  showWait();
  if (over.length > 0) announce(`${over.map(nameOf).join(', ')} may send again.`);
});

prepareForm(setup, send, (roomId) => rooms.get(roomId), waits);
streamRooms((room) => {
  const before = rooms.get(room.id);
  rooms.set(room.id, room);
  showRoom(room, before);
  offerRoom(room);
  if (before !== undefined) announceNews(room, before);
});

/**
 * Sends one after the other, until one is refused.
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
      sent.add(keyOf(invite.roomId, invite.as, invite.invitee));
      const exchange = await exchangeOf(invite);
      exchanges.push(exchange);
      if (exchange.answer.status !== 200) break;
    }
    tell(exchanges);
  } catch {
    showFailure('No answer came: is the demo still running?');
    announce('No answer came.');
  } finally {
    isSending = false;
    scrollToAnswer();
  }
}

/** @param {readonly Exchange[]} exchanges */
function tell(exchanges) {
  const last = exchanges.at(-1);
  const room = last && rooms.get(last.invite.roomId);
  if (last === undefined || room === undefined) return;
  const rule = plainWords(last, room, setup.invitesPerMinute);
  showAnswer(exchanges, rule);
  shownInviter = last.invite.as;
  const seconds = secondsToWait(last);
  const hint = seconds > 0 ? ` ${nameOf(shownInviter)} may send again in ${seconds} seconds.` : '';
  announce(`${last.answer.status} ${last.answer.body.errcode ?? 'OK'}. ${rule}${hint}`);
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
  const who = nameOf(shownInviter);
  wait.textContent = seconds > 0 ? `${who} may send again in ${seconds} s` : `${who} may send again.`;
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
