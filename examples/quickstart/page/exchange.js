/**
 * @typedef {object} Invite
 * @property {string} token
 * @property {string} as user id of the inviter
 * @property {string} roomId
 * @property {string} invitee
 * @property {string} reason left out where it is empty
 */

/**
 * What the invite check says before the invite is sent.
 *
 * @typedef {object} Forecast
 * @property {boolean} [allowed]
 * @property {{ by: string, reason?: string, scope?: string, retryAfterMs?: number }} [explanation]
 */

/**
 * One request and its answer.
 *
 * @typedef {object} Exchange
 * @property {Invite} invite
 * @property {Forecast} forecast
 * @property {{ path: string, headers: [name: string, value: string][], body: Record<string, string> }} request
 * @property {{ status: number, headers: [name: string, value: string][], body: Record<string, unknown> }} answer
 */

/**
 * Asks which rule would decide, and sends the invite: in this order, since the invite changes the room.
 *
 * @param {Invite} invite
 * @returns {Promise<Exchange>}
 */
export async function exchangeOf(invite) {
  const { token, roomId, invitee, reason } = invite;
  const room = encodeURIComponent(roomId);
  const authorization = { Authorization: `Bearer ${token}` };
  const check = await fetch(
    `/_matrix/client/unstable/org.example/rooms/${room}/invite/check?invitee=${encodeURIComponent(invitee)}`,
    { headers: authorization },
  );
  const path = `/_matrix/client/v3/rooms/${room}/invite`;
  const headers = { ...authorization, 'Content-Type': 'application/json' };
  const body = { user_id: invitee, ...(reason !== '' && { reason }) };
  const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  return {
    invite,
    forecast: await check.json(),
    request: { path, headers: Object.entries(headers), body },
    answer: { status: answer.status, headers: [...answer.headers], body: await answer.json() },
  };
}

/**
 * How long the inviter has to wait, in whole seconds: 0 where they need not.
 *
 * @param {Exchange} exchange
 */
export function secondsToWait({ answer }) {
  const retryAfter = answer.headers.find(([name]) => name === 'retry-after')?.[1];
  return answer.status === 429 ? Number(retryAfter ?? 1) : 0;
}
