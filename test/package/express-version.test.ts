import express, { Router } from 'express';
import { createInviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import express4 from 'express4';
import { describe, expect, inject, it } from 'vitest';

// vitest.config.ts puts Express 4 in the place of Express 5 for a second run. Were that to fail, the tests of
// test/http would pass twice with the same Express.
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

  it('is the one that the invite router is made of', () => {
    // A router inherits from `Router` itself in Express 4, and from its prototype in Express 5.
    expect(Object.prototype.isPrototypeOf.call(Router, inviteRouter) || inviteRouter instanceof Router).toBe(
      true,
    );
  });

  it('mounts the invite router, by the types of both versions', () => {
    express().use('/_matrix/client/v3', inviteRouter);
    express4().use('/_matrix/client/v3', inviteRouter);
  });
});
