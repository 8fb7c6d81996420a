import { expect, it } from 'vitest';
import {
  expectInvited,
  expectRefusal,
  invite,
  recordingLogger,
  seedRoom,
  setUp,
} from '../../http/support.ts';
import { remoteJwt, signerOf, startJwks, tokenOf } from './jwt-support.ts';

const signer = signerOf('ES256', 'one');

/** An app whose logins are tokens of a JWKS that is fetched. */
async function start() {
  const server = await startJwks(signer);
  const { logger, lines } = recordingLogger();
  const { app, store } = setUp({ auth: remoteJwt(server), logger });
  await seedRoom(store);
  return { app, lines, server };
}

it('a good token invites', async () => {
  const { app } = await start();
  expectInvited(await invite(app, { token: await tokenOf(signer) }));
});

it('a forged token, or none of ours, is 401', async () => {
  const { app } = await start();
  for (const token of [
    await tokenOf(signerOf('ES256', 'one')),
    await tokenOf(signer, { aud: 'x' }),
    'opaque',
  ]) {
    expectRefusal(await invite(app, { token }), 401, 'M_UNKNOWN_TOKEN');
  }
});

it('a token that is over is a soft logout', async () => {
  const { app } = await start();
  const token = await tokenOf(signer, { exp: 1 });
  expectRefusal(await invite(app, { token }), 401, 'M_UNKNOWN_TOKEN', { soft_logout: true });
});

it('a token whose key cannot be had is 503, and in no log', async () => {
  const { app, lines, server } = await start();
  await server.stop();
  const token = await tokenOf(signer);
  const answer = await invite(app, { token });
  expectRefusal(answer, 503, 'M_UNKNOWN');
  expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  expect(lines.map(({ level }) => level)).toContain('warn');
  for (const part of [...token.split('.'), 'alice']) expect(JSON.stringify(lines)).not.toContain(part);
});

it('a user id that is none is 500, with the reason in the log', async () => {
  const { logger, lines } = recordingLogger();
  const { app } = setUp({ auth: remoteJwt(await startJwks(signer)), logger });
  expectRefusal(await invite(app, { token: await tokenOf(signer, { sub: 'a:b' }) }), 500, 'M_UNKNOWN');
  expect(lines.map(({ level }) => level)).toContain('error');
});
