import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInviteRouter } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { afterEach, describe, expect, it } from 'vitest';

type MountedUrls = { readonly url: string; readonly originalUrl: string; readonly baseUrl: string };

const servers: ReturnType<typeof createServer>[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** Returns the URL below the mount point that the router uses if a framework sets `urls` on the request. */
async function urlSeenWith(urls: MountedUrls): Promise<string | undefined> {
  let seen: string | undefined;
  const router = createInviteRouter({
    serverName: 'example.org',
    storage: new MemoryStorage(),
    rateLimit: false,
    auth: {
      async authenticate({ request }) {
        seen = request.url;
        return { failure: 'unknown' };
      },
    },
  });
  const server = createServer((request, response) => {
    Object.assign(request, urls);
    router(request, response, () => {
      seen = request.url;
      response.end();
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers: { Authorization: 'Bearer a' } });
  return seen;
}

describe('the URL below the mount point, if @fastify/express has decoded it', () => {
  it.each([
    ['a plain mount', '/m/v3/rooms/!%2541/invite?a=%2541'],
    ['a mount that was sent encoded', '/m/%763/rooms/!%2541/invite?a=%2541'],
    ['an extra slash before it', '/m//v3/rooms/!%2541/invite?a=%2541'],
  ])('is the encoded one: %s', async (_case, originalUrl) => {
    const url = '/rooms/!%41/invite?a=%41';
    expect(await urlSeenWith({ url, originalUrl, baseUrl: '/m/v3' })).toBe('/rooms/!%2541/invite?a=%2541');
  });

  it.each([
    ['/rooms/!%41/invite', '/api/rooms/A/invitations'],
    ['/rooms/a/invite', '/x'],
    ['/'.repeat(16_000), '/%41'.repeat(5_000)],
  ])('is the URL itself if the host app has rewritten it (case %#)', async (url, originalUrl) => {
    expect(await urlSeenWith({ url, originalUrl, baseUrl: '/m/v3' })).toBe(url);
  });
});
