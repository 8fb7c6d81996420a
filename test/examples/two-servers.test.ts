import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { json } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { Network } from '../../examples/two-servers/network.ts';
import { OtherServer } from '../../examples/two-servers/other-server.ts';
import { buildPdu, canonicalJson, type JsonObject, signingKey, signJson } from '../../src/pdu/index.ts';
import { Example } from './example.ts';

it('invites users of the other server, who are in the room with the signatures of both, and ends', async () => {
  const example = new Example('two-servers', {}, ['npm', 'run', '--silent', 'example:two-servers']);
  expect(await example.ended).toBe(0);
  // The log line of the invite while the other server is down.
  expect(example.stderr.match(/Responded \d+/g)).toEqual(['Responded 502']);
  expect(example.stdout).toBe(`\
@alice:one.test invites @bob:two.test.
The response: 200 {}
At two.test: @bob:two.test: invite to “Cats” by @alice:one.test
In the room: @alice:one.test: join, signed by one.test
In the room: @bob:two.test: invite, signed by one.test and two.test

The invite is pending. @alice:one.test sends it once more.
The response: 200 {}
Invites sent to two.test: 1

@alice:one.test invites @carol:two.test, who does not accept invites.
The response: 403 {"errcode":"M_INVITE_BLOCKED","error":"two.test: @carol:two.test does not accept invites"}

@carol:two.test accepts invites again, but two.test is down.
The response: 502 {"errcode":"M_UNKNOWN","error":"The other server cannot be reached"}
In the room: @alice:one.test: join, signed by one.test
In the room: @bob:two.test: invite, signed by one.test and two.test

two.test is up again. @alice:one.test invites @carol:two.test again.
The response: 200 {}
In the room: @alice:one.test: join, signed by one.test
In the room: @bob:two.test: invite, signed by one.test and two.test
In the room: @carol:two.test: invite, signed by one.test and two.test
`);
});

/** Starts a server that serves its own keys, as if it were the origin too. */
async function startAlone() {
  const network = await Network.start(['two.test']);
  const signer = signingKey('ed25519:2', 'two.test', randomBytes(32));
  const server: OtherServer = await OtherServer.start(signer, network, () => server.port);
  onTestFinished(async () => {
    await Promise.all([server.close(), network.close()]);
  });
  /** Sends an invite, signed unless there is a signature, and returns the response. */
  const put = async (eventId: string, content: JsonObject, signature?: string): Promise<unknown> => {
    const path = `/_matrix/federation/v2/invite/!room:two.test/${eventId}`;
    const target = { method: 'PUT', uri: path, origin: 'two.test', destination: 'two.test' };
    const { signatures } = await signJson({ ...target, content }, signer, context);
    const sig = signature ?? signatures['two.test']?.['ed25519:2'];
    const outgoing = request({
      ...{ host: '127.0.0.1', port: server.port, servername: 'two.test', ca: network.credentials.cert },
      ...{ method: 'PUT', path, agent: false },
      headers: {
        Authorization: `X-Matrix origin="two.test",destination="two.test",key="ed25519:2",sig="${sig}"`,
      },
    });
    outgoing.end(canonicalJson(content));
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return json(response);
  };
  return { server, signer, put };
}

const context = { signal: new AbortController().signal };

it('the other server takes no invite that nobody has signed', async () => {
  const { server, put } = await startAlone();
  expect(await put('$event', {}, 'AAAA')).toMatchObject({ errcode: 'M_UNAUTHORIZED' });
  expect(server.invites.size).toBe(0);
});

const ALICE = '@alice:two.test';
const BOB = '@bob:two.test';
const invite: JsonObject = { membership: 'invite' };

it.each<[what: string, sender: string, invitee: string, content: JsonObject, eventId: string | undefined]>([
  ['is for a user of another server', ALICE, '@bob:three.test', invite, undefined],
  ['has another membership', ALICE, BOB, { membership: 'join' }, undefined],
  ['has another ID than the request says', ALICE, BOB, invite, '$other'],
  ['is an invite of its user', ALICE, BOB, invite, undefined],
])('the other server takes a signed event only if it is the invite: it %s', async (...row) => {
  const [what, sender, invitee, content, announced] = row;
  const { server, signer, put } = await startAlone();
  const reference = { eventId: '$earlier', depth: 1 };
  const event = { type: 'm.room.member', room_id: '!room:two.test', state_key: invitee, origin_server_ts: 1 };
  const { pdu, eventId } = await buildPdu(
    {
      event: { ...event, sender, content },
      roomVersion: '11',
      prevEvents: [reference],
      authEvents: [reference],
      signer,
    },
    context,
  );
  const body = { room_version: '11', event: pdu, invite_room_state: [] };
  const response = await put(announced ?? eventId, body);
  const isTaken = what === 'is an invite of its user';
  expect(response).toMatchObject(isTaken ? { event: { state_key: BOB } } : { errcode: 'M_INVALID_PARAM' });
  expect([...server.invites.keys()]).toEqual(isTaken ? [eventId] : []);
});
