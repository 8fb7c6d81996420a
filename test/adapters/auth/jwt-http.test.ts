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

/** Starts an app that verifies tokens with a JWKS that it fetches. */
async function start() {
  const server = await startJwks(signer);
  const { logger, lines } = recordingLogger();
  const { app, store } = setUp({ auth: remoteJwt(server), logger });
  await seedRoom(store);
  return { app, lines, server };
}

it('a valid token can invite', async () => {
  const { app } = await start();
  expectInvited(await invite(app, { token: await tokenOf(signer) }));
});

it('a forged token, or one for another service, is a 401', async () => {
  const { app } = await start();
  for (const token of [
    await tokenOf(signerOf('ES256', 'one')),
    await tokenOf(signer, { aud: 'x' }),
    'opaque',
  ]) {
    expectRefusal(await invite(app, { token }), 401, 'M_UNKNOWN_TOKEN');
  }
});

it('an expired token is a soft logout', async () => {
  const { app } = await start();
  const token = await tokenOf(signer, { exp: 1 });
  expectRefusal(await invite(app, { token }), 401, 'M_UNKNOWN_TOKEN', { soft_logout: true });
});

it('a token whose key cannot be fetched is a 503, and appears in no log', async () => {
  const { app, lines, server } = await start();
  await server.stop();
  const token = await tokenOf(signer);
  const response = await invite(app, { token });
  expectRefusal(response, 503, 'M_UNKNOWN');
  expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  expect(lines.map(({ level }) => level)).toContain('warn');
  for (const part of [...token.split('.'), 'alice']) expect(JSON.stringify(lines)).not.toContain(part);
});

it('a malformed user ID from userId is a 500, with the reason in the log', async () => {
  const { logger, lines } = recordingLogger();
  const { app } = setUp({ auth: remoteJwt(await startJwks(signer)), logger });
  expectRefusal(await invite(app, { token: await tokenOf(signer, { sub: 'a:b' }) }), 500, 'M_UNKNOWN');
  expect(lines.map(({ level }) => level)).toContain('error');
});
