import { describe, expect, it } from 'vitest';
import { rawUrlOf } from '../../src/http/raw-url.ts';

const requestOf = (url: string, originalUrl: string, baseUrl = '/m/v3') =>
  ({ url, originalUrl, baseUrl }) as unknown as Parameters<typeof rawUrlOf>[0];

describe('the raw URL below the mount point, where @fastify/express has decoded it', () => {
  it.each([
    ['a plain mount', '/m/v3/rooms/!%2541/invite?a=%2541'],
    ['a mount that came encoded', '/m/%763/rooms/!%2541/invite?a=%2541'],
    ['a slash too many before it', '/m//v3/rooms/!%2541/invite?a=%2541'],
  ])('%s', (_case, original) => {
    expect(rawUrlOf(requestOf('/rooms/!%41/invite?a=%41', original))).toBe('/rooms/!%2541/invite?a=%2541');
  });

  it('is the URL itself where a host has rewritten it', () => {
    expect(rawUrlOf(requestOf('/rooms/!%41/invite', '/api/rooms/A/invitations'))).toBe('/rooms/!%41/invite');
    expect(rawUrlOf(requestOf('/rooms/a/invite', '/x'))).toBe('/rooms/a/invite');
    expect(rawUrlOf(requestOf('/'.repeat(16_000), '/%41'.repeat(5_000)))).toBe('/'.repeat(16_000));
  });
});
