/**
 * @typedef {object} Invite
 * @property {string} token
 * @property {string} inviter user ID
 * @property {string} roomId
 * @property {string} invitee user ID
 * @property {string} reason omitted from the request if empty
 */

/**
 * The response to the dry run, which runs before the invite.
 *
 * @typedef {object} Forecast
 * @property {boolean} [allowed]
 * @property {{ by: string, reason?: string, scope?: string, retryAfterMs?: number }} [explanation]
 */

/**
 * A request and its response.
 *
 * @typedef {object} Exchange
 * @property {Invite} invite
 * @property {Forecast} forecast
 * @property {{ path: string, headers: [name: string, value: string][], body: Record<string, string> }} request
 * @property {{ status: number, headers: [name: string, value: string][], body: Record<string, unknown> }} response
 */

/**
 * Sends a dry run, then the invite. The dry run comes first, because the invite changes the room.
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
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  return {
    invite,
    forecast: await check.json(),
    request: { path, headers: Object.entries(headers), body },
    response: { status: response.status, headers: [...response.headers], body: await response.json() },
  };
}

/**
 * Returns the number of seconds that the inviter must wait, or 0.
 *
 * @param {Exchange} exchange
 */
export function secondsToWait({ response }) {
  const retryAfter = response.headers.find(([name]) => name === 'retry-after')?.[1];
  return response.status === 429 ? Number(retryAfter ?? 1) : 0;
}
