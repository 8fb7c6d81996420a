import express from 'express';
import { createInviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import express4 from 'express4';
import { describe, expect, inject, it } from 'vitest';

// vitest.config.ts puts Express 4 in the place of Express 5 for a second run. Were that to fail, the tests of
// test/http would pass twice with the same Express. That src has it too shows in Brotli (test/http/body.test.ts).
describe('the Express of this run', () => {
  const inviteRouter = createInviteRouter({
    serverName: 'example.org',
    storage: new MemoryStorage(),
    auth: staticTokens({}),
    rateLimit: false,
  });

  it('is the one that the project names', () => {
    // Express 5 has taken `app.del` away.
    expect('del' in express.application).toBe(inject('expressMajor') === 4);
  });

  it('mounts the invite router, by the types of both versions', () => {
    express().use('/_matrix/client/v3', inviteRouter);
    express4().use('/_matrix/client/v3', inviteRouter);
  });
});
