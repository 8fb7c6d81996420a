/** @import { Exchange } from './exchange.js' */
import { byId, make } from './dom.js';
import { nameOf } from './names.js';

const STATUS_TEXTS = new Map([
  [200, 'OK'],
  [400, 'Bad Request'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [413, 'Payload Too Large'],
  [429, 'Too Many Requests'],
  [503, 'Service Unavailable'],
]);

/**
 * Shows the last of some exchanges in full, and the status of those before it.
 *
 * @param {readonly Exchange[]} exchanges one or more
 * @param {string} rule the rule that decided the last one, in plain words
 */
export function showAnswer(exchanges, rule) {
  const exchange = exchanges.at(-1);
  if (exchange === undefined) return;
  const { request, answer } = exchange;
  show(
    make(
      'div',
      { class: 'verdict', 'data-kind': kindOf(answer.status) },
      make('p', { class: 'status' }, ...statusLine(exchange)),
      make('p', { class: 'rule' }, rule),
      make('p', { class: 'wait', id: 'wait' }),
    ),
    ...(exchanges.length > 1 ? [steps(exchanges)] : []),
    make('h3', {}, 'Request'),
    block('request', `POST ${request.path}\n${headerLines(request.headers)}`, request.body),
    make('h3', {}, 'Answer'),
    block('response', `${answer.status} ${STATUS_TEXTS.get(answer.status) ?? ''}`, answer.body),
    make(
      'details',
      {},
      make('summary', {}, `${answer.headers.length} headers`),
      make('pre', { id: 'headers' }, headerLines(answer.headers)),
    ),
  );
}

/**
 * Says that no answer came.
 *
 * @param {string} text
 */
export function showFailure(text) {
  show(make('div', { class: 'verdict', 'data-kind': 'no' }, make('p', { class: 'rule' }, text)));
}

/** On a phone the answer is below what was pressed. */
export function scrollToAnswer() {
  byId('answer', HTMLElement).firstElementChild?.scrollIntoView({ block: 'nearest' });
}

/** @param {Exchange} exchange */
function statusLine({ answer }) {
  const { errcode } = answer.body;
  const status = make('strong', {}, String(answer.status));
  const text = make('span', {}, STATUS_TEXTS.get(answer.status) ?? '');
  return typeof errcode === 'string' ? [status, text, make('code', {}, errcode)] : [status, text];
}

/** @param {readonly Exchange[]} exchanges */
function steps(exchanges) {
  const items = exchanges.map(({ invite, answer }) =>
    make(
      'li',
      { 'data-kind': kindOf(answer.status) },
      `${nameOf(invite.invitee)} `,
      make('strong', {}, String(answer.status)),
    ),
  );
  return make('ol', { class: 'steps', 'aria-label': 'Requests sent, one after the other' }, ...items);
}

/**
 * @param {string} id
 * @param {string} head
 * @param {object} body
 */
function block(id, head, body) {
  return make('pre', { id }, make('span', { class: 'soft' }, head), `\n\n${JSON.stringify(body, null, 2)}`);
}

/** @param {[name: string, value: string][]} headers */
function headerLines(headers) {
  return headers.map(([name, value]) => `${name}: ${value}`).join('\n');
}

/** @param {number} status */
function kindOf(status) {
  if (status === 200) return 'yes';
  return status === 429 ? 'wait' : 'no';
}

/** @param {...Node} children */
function show(...children) {
  byId('answer', HTMLElement).replaceChildren(...children);
}
