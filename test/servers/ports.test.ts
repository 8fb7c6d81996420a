import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { MariadbServer } from '../../servers/mariadb-server.ts';
import { PostgresServer } from '../../servers/postgres-server.ts';
import { RedisServer } from '../../servers/redis-server.ts';

it.each([
  ['PostgreSQL', PostgresServer, 'stop', /^PostgreSQL did not start: .*in use/s],
  ['MariaDB', MariadbServer, 'stop', /^MariaDB did not start: .*in use/s],
  ['Redis', RedisServer, 'kill', /^Redis did not start: .*in use/s],
] as const)(
  '%s whose port another server has taken says why it does not start',
  async (_, Server, end, why) => {
    const [own, other] = [await Server.start(), await Server.start()];
    onTestFinished(async () => {
      await own.close();
      await other.close();
    });
    expect(own.port).not.toBe(other.port);
    await (end === 'stop' ? (own as PostgresServer | MariadbServer).stop() : (own as RedisServer).kill());
    const taken = createServer((socket) => socket.destroy()).listen(own.port, '127.0.0.1');
    await once(taken, 'listening');
    await expect(own.startAgain()).rejects.toThrow(why);
    taken.close();
    await once(taken, 'close');
    await own.startAgain();
  },
);
