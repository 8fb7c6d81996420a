import { createInviteService } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it, vi } from 'vitest';
import { ALICE, ROOM, seedRoom, silent } from '../http/support.ts';
import { OwnMailer } from '../support/own-mailer.ts';

async function setUp() {
  const storage = new MemoryStorage();
  const mailer = new OwnMailer();
  const serviceWith = (secret: string) =>
    createInviteService({
      serverName: 'example.org',
      storage,
      rateLimit: false,
      logger: silent,
      thirdParty: { identity: mailer, pending: storage, secret },
    });
  const service = serviceWith('a secret of at least thirty-two bytes');
  await seedRoom(storage);
  const request = {
    requester: { userId: ALICE },
    roomId: ROOM,
    idServer: 'id.example.org',
    idAccessToken: 'token',
    medium: 'email',
    address: 'bob@example.com',
  };
  const tokens = async () =>
    ((await storage.roomState(ROOM)) ?? []).flatMap(({ type, state_key }) =>
      type === 'm.room.third_party_invite' ? [state_key] : [],
    );
  return { mailer, service, serviceWith, request, tokens };
}

describe('a caller who gives up', () => {
  it('before the email was sent ends the invite', async () => {
    const { mailer, service, request, tokens } = await setUp();
    const signal = AbortSignal.abort();
    await expect(service.inviteByAddress({ ...request, signal })).rejects.toMatchObject({ status: 503 });
    expect([mailer.lookups, mailer.mails, await tokens()]).toEqual([[], [], []]);
  });

  it('while the email is sent does not end it: the invite is completed, and stays the only one', async () => {
    const { mailer, service, request, tokens } = await setUp();
    const controller = new AbortController();
    const storeInvite = mailer.storeInvite.bind(mailer);
    mailer.storeInvite = async (...parameters) => {
      const stored = await storeInvite(...parameters);
      controller.abort();
      return stored;
    };
    await service.inviteByAddress({ ...request, signal: controller.signal }).catch(() => {});
    await vi.waitFor(async () => expect(await tokens()).toHaveLength(1));
    expect(await service.inviteByAddress(request)).toMatchObject({ outcome: 'alreadyInvited' });
    expect(mailer.mails.map(({ token }) => token)).toEqual(await tokens());
  });

  it('does not keep close() from waiting for it', async () => {
    const { mailer, service, request, tokens } = await setUp();
    const controller = new AbortController();
    const storeInvite = mailer.storeInvite.bind(mailer);
    let isSending = () => {};
    const sending = new Promise<void>((resolve) => {
      isSending = resolve;
    });
    let send = () => {};
    const gate = new Promise<void>((resolve) => {
      send = resolve;
    });
    mailer.storeInvite = async (...parameters) => {
      isSending();
      await gate;
      return storeInvite(...parameters);
    };
    const result = service.inviteByAddress({ ...request, signal: controller.signal });
    await sending;
    controller.abort();
    await expect(result).rejects.toMatchObject({ status: 504 });
    const closed = service.close();
    send();
    await closed;
    expect(await tokens()).toEqual(mailer.mails.map(({ token }) => token));
  });
});

it('a new secret has addresses that were invited before invited again', async () => {
  const { mailer, service, serviceWith, request, tokens } = await setUp();
  await service.inviteByAddress(request);
  const result = await serviceWith('another secret of thirty-two bytes').inviteByAddress(request);
  expect(result).toMatchObject({ outcome: 'storedForAddress' });
  expect(mailer.mails.map(({ token }) => token)).toEqual(await tokens());
  expect(mailer.mails).toHaveLength(2);
});
