import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { json } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { Network } from '../../examples/two-servers/network.ts';
import { OtherServer } from '../../examples/two-servers/other-server.ts';
import { signingKey } from '../../src/pdu/index.ts';
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

it('the other server takes no invite that nobody has signed', async () => {
  const network = await Network.start(['two.test']);
  const signer = signingKey('ed25519:2', 'two.test', randomBytes(32));
  // It serves its own keys, as if it were the origin.
  const server: OtherServer = await OtherServer.start(signer, network, () => server.port);
  onTestFinished(async () => {
    await Promise.all([server.close(), network.close()]);
  });
  const outgoing = request({
    ...{ host: '127.0.0.1', port: server.port, servername: 'two.test', ca: network.credentials.cert },
    ...{ method: 'PUT', path: '/_matrix/federation/v2/invite/!room/$event', agent: false },
    headers: {
      Authorization: 'X-Matrix origin="two.test",destination="two.test",key="ed25519:2",sig="AAAA"',
    },
  });
  outgoing.end('{}');
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  expect(await json(response)).toMatchObject({ errcode: 'M_UNAUTHORIZED' });
  expect(server.invites.size).toBe(0);
});
