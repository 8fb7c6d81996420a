/** @import { Exchange } from './exchange.js' */
import { byId, make } from './dom.js';
import { nameOf } from './names.js';

/** The field that says why an invite was refused, beside the error code. */
const REASON_CODE = 'org.matrix.msc3848.unstable.errcode';

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
 * Shows the last exchange in full, and the status of each one before it.
 *
 * @param {readonly Exchange[]} exchanges at least one
 * @param {string} rule the rule that decided the last one, in plain words
 */
export function showExchanges(exchanges, rule) {
  const exchange = exchanges.at(-1);
  if (exchange === undefined) return;
  const { request, response } = exchange;
  show(
    make(
      'div',
      { class: 'verdict', 'data-kind': kindOf(response.status) },
      make('p', { class: 'status' }, ...statusLine(exchange)),
      make('p', { class: 'rule' }, rule),
      make('p', { class: 'wait', id: 'wait' }),
    ),
    ...(exchanges.length > 1 ? [steps(exchanges)] : []),
    make(
      'div',
      { class: 'exchange' },
      make('h3', { id: 'request-title' }, 'Request'),
      block('request', `POST ${request.path}\n${headerLines(request.headers)}`, request.body),
      make('h3', { id: 'response-title' }, 'Response'),
      block('response', `${response.status} ${STATUS_TEXTS.get(response.status) ?? ''}`, response.body),
    ),
    make(
      'details',
      {},
      make('summary', {}, `${response.headers.length} headers`),
      make('pre', { id: 'headers' }, headerLines(response.headers)),
    ),
  );
}

/**
 * Shows why there is no response.
 *
 * @param {string} text
 */
export function showFailure(text) {
  show(make('div', { class: 'verdict', 'data-kind': 'no' }, make('p', { class: 'rule' }, text)));
}

/** On a phone, the result is below the button that was pressed. */
export function scrollToResult() {
  byId('result', HTMLElement).firstElementChild?.scrollIntoView({ block: 'nearest' });
}

/** @param {Exchange} exchange */
function statusLine({ response }) {
  return [
    make('strong', {}, String(response.status)),
    make('span', {}, STATUS_TEXTS.get(response.status) ?? ''),
    ...codesOf(response.body).map((code) => make('code', {}, code)),
  ];
}

/**
 * Returns the error code of a response, and the code of its reason if it has one.
 *
 * @param {Record<string, unknown>} body
 */
export function codesOf({ errcode, [REASON_CODE]: reasonCode }) {
  return [errcode, reasonCode].filter((code) => typeof code === 'string');
}

/** @param {readonly Exchange[]} exchanges */
function steps(exchanges) {
  const items = exchanges.map(({ invite, response }) =>
    make(
      'li',
      { 'data-kind': kindOf(response.status) },
      `${nameOf(invite.invitee)} `,
      make('strong', {}, String(response.status)),
    ),
  );
  return make('ol', { class: 'steps', 'aria-label': 'Requests in the order they were sent' }, ...items);
}

/**
 * @param {string} id
 * @param {string} head
 * @param {object} body
 */
function block(id, head, body) {
  return make(
    'pre',
    { id, 'aria-labelledby': `${id}-title` },
    make('span', { class: 'soft' }, head),
    `\n\n${JSON.stringify(body, null, 2)}`,
  );
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
  const result = byId('result', HTMLElement);
  result.replaceChildren(...children);
  // The keyboard must be able to reach what scrolls.
  for (const part of result.querySelectorAll('pre')) {
    if (part.scrollHeight <= part.clientHeight) continue;
    part.tabIndex = 0;
    part.role = 'region';
  }
}
