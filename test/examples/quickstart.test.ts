import { describe, expect, it } from 'vitest';
import { Example, freePort, inBash, newDatabasePath, silentConnection, takenPort } from './example.ts';

const LAST_LINE = /^# \{"retry_after_ms".*\n/m;

/** Starts the example, and waits until it has printed everything. */
async function start(environment: Readonly<Record<string, string>>): Promise<Example> {
  const example = await Example.start('quickstart', environment);
  await example.hasPrinted(LAST_LINE);
  return example;
}

type Printed = { readonly title: string; readonly command: string; readonly expected: readonly string[] };

/** The printed commands: a comment, a command, and its expected output as comments. */
function printed({ stdout }: Example): Printed[] {
  return stdout
    .split('\n\n')
    .map((block) => block.trim().split('\n'))
    .filter(([, command = '']) => command.includes('curl '))
    .map(([title = '', command = '', ...expected]) => ({
      title,
      command,
      expected: expected.map((line) => line.replace('# ', '')),
    }));
}

/** Runs a printed command, and compares its output with the expected output. */
async function check({ command, expected }: Printed): Promise<void> {
  const lines = (await inBash(command)).trimEnd().split('\n');
  expect(lines.map((line) => line.replace(/(?<="retry_after_ms":)\d+/, '…'))).toEqual(expected);
  for (const [, wait] of lines.join().matchAll(/"retry_after_ms":(\d+)/g)) {
    expect(Number(wait)).toBeGreaterThan(50_000);
    expect(Number(wait)).toBeLessThanOrEqual(60_000);
  }
}

describe('the printed commands', () => {
  it('have the expected output, also the second time, and after a restart', async () => {
    const DATABASE = await newDatabasePath();
    const first = await start({ DATABASE });
    const lines = printed(first);
    expect(lines.map(({ expected: output }) => output.map((line) => line.slice(-3)))).toEqual([
      ['200'],
      ['200'],
      ['403'],
      ['403'],
      ['200', '200', '200', '429'],
    ]);
    for (const line of lines) await check(line);
    for (const line of lines) await check(line);
    await first.hasPrinted(/@dave:localhost invited @guest3:localhost to !garden:localhost/);
    expect(first.stdout.match(/ invited @/g)).toHaveLength(5);
    expect(first.stdout).toContain('No pending invites.');
    expect(await first.stop('SIGTERM')).toBe(0);
    expect(first.stderr).toBe('');

    const second = await start({ DATABASE });
    expect(second.stdout).toContain(
      [
        'Pending invites:',
        '  !lobby:localhost: @bob:localhost',
        '  !garden:localhost: @guest1:localhost, @guest2:localhost, @guest3:localhost',
        '  !quickstart_room_of_version_12_has_no_domain: @bob:localhost\n',
      ].join('\n'),
    );
    expect(printed(second).filter(({ title }) => title.includes('already invited'))).toHaveLength(2);
    expect(printed(second).at(-1)?.command).toContain('for n in 4 5 6 7;');
    for (const line of printed(second)) await check(line);
    await second.hasPrinted(/invited @guest6:localhost/);
    expect(second.stdout).not.toContain('invited @bob');
  });

  it('work in any order', async () => {
    const example = await start({ DATABASE: await newDatabasePath() });
    for (const line of printed(example).reverse()) await check(line);
  });

  it('use the host and the port of the environment', async () => {
    const PORT = String(await freePort());
    const example = await start({ DATABASE: await newDatabasePath(), HOST: 'localhost', PORT });
    expect(example.url).toBe(`http://localhost:${PORT}`);
    for (const line of printed(example).slice(0, 1)) await check(line);
  });
});

describe('the end', () => {
  it('loses no acknowledged invite when the process is killed', async () => {
    const DATABASE = await newDatabasePath();
    const first = await start({ DATABASE });
    const acknowledged: string[] = [];
    const invite = async (token: string, roomId: string, userId: string) => {
      const response = await fetch(`${first.url}/_matrix/client/v3/rooms/${roomId}/invite`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}` },
        body: JSON.stringify({ user_id: userId }),
      }).catch(() => undefined);
      if (response?.status === 200) acknowledged.push(userId);
      if (acknowledged.length === 4) first.process.kill('SIGKILL');
    };
    const senders: [token: string, roomId: string][] = [
      ['alice-token', '!lobby:localhost'],
      ['dave-token', '!garden:localhost'],
      ['carol-token', '!quickstart_room_of_version_12_has_no_domain'],
    ];
    await Promise.all(
      senders.flatMap(([token, roomId], sender) =>
        [1, 2, 3].map((guest) => invite(token, roomId, `@guest${sender}${guest}:localhost`)),
      ),
    );
    expect(await first.ended).toBe('SIGKILL');
    expect(acknowledged.length).toBeGreaterThanOrEqual(4);

    const { stdout } = await start({ DATABASE });
    for (const userId of acknowledged) expect(stdout.split(/[\s,]+/)).toContain(userId);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'is graceful after %s, also while clients are connected',
    async (signal) => {
      const example = await start({ DATABASE: await newDatabasePath() });
      expect((await fetch(example.url)).status).toBe(200);
      // The event stream of an open page.
      const stream = await fetch(`${example.url}/demo/rooms`);
      const events = stream.text();
      await silentConnection(example.url);
      expect(await example.stop(signal)).toBe(0);
      expect(await events).toContain('event: room');
      expect(example.stderr).toBe('');
    },
  );

  it('comes with one line when the port is in use', async () => {
    const PORT = String(await takenPort());
    const example = new Example('quickstart', { DATABASE: await newDatabasePath(), PORT });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toBe(
      `Port ${PORT} is in use. Stop the process that uses it, or set PORT to another port\n`,
    );
    expect(example.stdout).toBe('');
  });

  it.each(['http', '80a', '-1', '65536', '8008.5', ' 80'])(
    'comes with one line when PORT is %j',
    async (PORT) => {
      const example = new Example('quickstart', { DATABASE: await newDatabasePath(), PORT });
      expect(await example.ended).toBe(1);
      expect(example.stderr).toBe(`PORT must be an integer from 0 to 65535, not "${PORT}"\n`);
    },
  );

  it('comes with one line when the host is not on this machine', async () => {
    const example = new Example('quickstart', { DATABASE: await newDatabasePath(), HOST: '192.0.2.1' });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toMatch(/^Cannot listen on 192\.0\.2\.1, port 0: .*EADDRNOTAVAIL.*\n$/);
  });
});
