import { describe, expect, it } from 'vitest';
import { Example, freePort, inBash, newDatabasePath, silentConnection, takenPort } from './example.ts';

const LAST_LINE = /^# \{"retry_after_ms".*\n/m;

/** Starts it, and waits until everything is printed. */
async function start(environment: Readonly<Record<string, string>>): Promise<Example> {
  const example = await Example.start('quickstart', environment);
  await example.hasPrinted(LAST_LINE);
  return example;
}

type Printed = { readonly title: string; readonly command: string; readonly answers: readonly string[] };

/** What it prints to be pasted: a comment, a command, and what the command answers as comments. */
function printed({ stdout }: Example): Printed[] {
  return stdout
    .split('\n\n')
    .map((block) => block.trim().split('\n'))
    .filter(([, command = '']) => command.includes('curl '))
    .map(([title = '', command = '', ...answers]) => ({
      title,
      command,
      answers: answers.map((line) => line.replace('# ', '')),
    }));
}

/** Runs a printed command as it stands, and holds it to the answers that were printed with it. */
async function check({ command, answers }: Printed): Promise<void> {
  const lines = (await inBash(command)).trimEnd().split('\n');
  expect(lines.map((line) => line.replace(/(?<="retry_after_ms":)\d+/, '…'))).toEqual(answers);
  for (const [, wait] of lines.join().matchAll(/"retry_after_ms":(\d+)/g)) {
    expect(Number(wait)).toBeGreaterThan(50_000);
    expect(Number(wait)).toBeLessThanOrEqual(60_000);
  }
}

describe('what it prints', () => {
  it('is answered as it says, when pasted line by line, the same lines again, and after a restart', async () => {
    const DATABASE = await newDatabasePath();
    const first = await start({ DATABASE });
    const lines = printed(first);
    expect(lines.map(({ answers }) => answers.map((answer) => answer.slice(-3)))).toEqual([
      ['200'],
      ['200'],
      ['403'],
      ['403'],
      ['200', '200', '200', '429'],
    ]);
    for (const line of lines) await check(line);
    for (const line of lines) await check(line);
    await first.hasPrinted(/@dave:localhost invited @guest3:localhost into !garden:localhost/);
    expect(first.stdout.match(/ invited @/g)).toHaveLength(5);
    expect(first.stdout).toContain('Nobody has been invited yet.');
    expect(await first.stop('SIGTERM')).toBe(0);
    expect(first.stderr).toBe('');

    const second = await start({ DATABASE });
    expect(second.stdout).toContain(
      [
        'Invites that are there already:',
        '  !lobby:localhost: @bob:localhost',
        '  !garden:localhost: @guest1:localhost, @guest2:localhost, @guest3:localhost',
        '  !quickstart_room_of_version_12_has_no_domain: @bob:localhost\n',
      ].join('\n'),
    );
    expect(printed(second).filter(({ title }) => title.includes('invited already'))).toHaveLength(2);
    expect(printed(second).at(-1)?.command).toContain('for n in 4 5 6 7;');
    for (const line of printed(second)) await check(line);
    await second.hasPrinted(/invited @guest6:localhost/);
    expect(second.stdout).not.toContain('invited @bob');
  });

  it('is right in any order', async () => {
    const example = await start({ DATABASE: await newDatabasePath() });
    for (const line of printed(example).reverse()) await check(line);
  });

  it('names the host and the port of the environment', async () => {
    const PORT = String(await freePort());
    const example = await start({ DATABASE: await newDatabasePath(), HOST: 'localhost', PORT });
    expect(example.url).toBe(`http://localhost:${PORT}`);
    for (const line of printed(example).slice(0, 1)) await check(line);
  });
});

describe('ending', () => {
  it('loses no acknowledged invite when it is killed', async () => {
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
    'is clean after %s, also while clients are connected',
    async (signal) => {
      const example = await start({ DATABASE: await newDatabasePath() });
      expect((await fetch(example.url)).status).toBe(200);
      // An open page's stream of events.
      const stream = await fetch(`${example.url}/demo/rooms`);
      const events = stream.text();
      await silentConnection(example.url);
      expect(await example.stop(signal)).toBe(0);
      expect(await events).toContain('event: room');
      expect(example.stderr).toBe('');
    },
  );

  it('comes with one line when the port is taken', async () => {
    const PORT = String(await takenPort());
    const example = new Example('quickstart', { DATABASE: await newDatabasePath(), PORT });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toBe(
      `Port ${PORT} is taken: stop what listens there, or choose another port by the environment variable PORT\n`,
    );
    expect(example.stdout).toBe('');
  });

  it.each(['http', '80a', '-1', '65536', '8008.5', ' 80'])(
    'comes with one line when PORT is %j',
    async (PORT) => {
      const example = new Example('quickstart', { DATABASE: await newDatabasePath(), PORT });
      expect(await example.ended).toBe(1);
      expect(example.stderr).toBe(`PORT must be a whole number from 0 to 65535, not "${PORT}"\n`);
    },
  );

  it('comes with one line when the host is none of this machine', async () => {
    const example = new Example('quickstart', { DATABASE: await newDatabasePath(), HOST: '192.0.2.1' });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toMatch(/^Cannot listen on 192\.0\.2\.1, port 0: .*EADDRNOTAVAIL.*\n$/);
  });
});
