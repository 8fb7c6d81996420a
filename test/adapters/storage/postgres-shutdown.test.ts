import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { CREATE, inTime } from '../../support/storage-room.ts';

/** Encodes a message of PostgreSQL's protocol: type, length, content. */
function message(type: string, content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length + 4);
  return Buffer.concat([Buffer.from(type), length, content]);
}

const LOGGED_IN = message('R', Buffer.alloc(4));
const READY = message('Z', Buffer.from('I'));
const SHUTTING_DOWN = message('E', Buffer.from('SFATAL\0C57P01\0Mterminating connection\0\0'));

describe('a server that shuts down just as a connection to it is ready', () => {
  it('fails the call and does not end the process', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(Buffer.concat([LOGGED_IN, READY, SHUTTING_DOWN])));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'postgres' });
    pool.on('error', () => {});
    const storage = new PostgresStorage(pool);

    await expect(storage.readState('!room:example.org', [CREATE], inTime())).rejects.toMatchObject({
      code: 'ERR_STORAGE_UNAVAILABLE',
    });
    await pool.end();
    server.close();
  });
});
