import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import express from 'express';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ownOriginOnly } from '../../examples/quickstart/own-origin.ts';
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

/** Sends an invite with these headers, as no browser could. */
async function send(url: string, headers: Readonly<Record<string, string>>, path?: string) {
  const invite = '/_matrix/client/v3/rooms/!lobby:localhost/invite';
  const outgoing = request(`${url}${path ?? invite}`, {
    method: 'POST',
    headers: { Authorization: 'Bearer alice-token', ...headers },
  });
  outgoing.end(JSON.stringify({ user_id: '@bob:localhost' }));
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

it('responds in Matrix format to paths under /_matrix that it does not have', async () => {
  const { url } = await start({ DATABASE: await newDatabasePath() });
  const response = await fetch(`${url}/_matrix/client/v3/sync`);
  expect([response.status, await response.json()]).toMatchObject([404, { errcode: 'M_UNRECOGNIZED' }]);
  expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
});

describe('a request that another website sends', () => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['Origin', { Origin: 'https://evil.example' }],
    ['Origin, at another port of this machine', { Origin: 'http://127.0.0.1:3000' }],
    ['Origin, of a page without one', { Origin: 'null' }],
    ['Origin, with the scheme of no page of the demo', { Origin: 'https://{host}' }],
    ['Host, which the website lets point at this machine', { Host: 'evil.example' }],
    ['Host, with an origin to match', { Host: 'evil.example', Origin: 'http://evil.example' }],
    ['Host, with the name of this machine inside', { Host: 'localhost.evil.example' }],
    ['Host, which is no host name', { Host: 'local host' }],
  ])('is refused by its %s, and changes nothing', async (_, headers) => {
    const { url } = await start({ DATABASE: await newDatabasePath() });
    const own = new URL(url).host;
    const sent = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace('{host}', own)]),
    );
    for (const path of [undefined, '/demo/reset', '/demo/setup']) {
      const response = await send(url, sent, path);
      expect(response.status).toBe(403);
      expect(JSON.parse(response.body)).toEqual({
        errcode: 'M_FORBIDDEN',
        error: expect.stringMatching(/^The demo accepts requests only/),
      });
      expect(response.headers).not.toHaveProperty('access-control-allow-origin');
    }
    const rooms = await fetch(`${url}/demo/rooms`);
    const first = await rooms.body?.getReader().read();
    expect(Buffer.from(first?.value ?? []).toString()).not.toContain('@bob:localhost","membership":"invite"');
  });

  it('is not confused with one from its own page, or from a program', async () => {
    const { url } = await start({ DATABASE: await newDatabasePath(), HOST: 'localhost' });
    const { port } = new URL(url);
    const accepted: Readonly<Record<string, string>>[] = [
      {},
      { Origin: url },
      { Host: `LOCALHOST:${port}`, Origin: url },
      { Host: `127.0.0.1:${port}`, Origin: `http://127.0.0.1:${port}` },
      { Host: `[::1]:${port}`, Origin: `http://[::1]:${port}` },
    ];
    for (const headers of accepted) {
      expect(await send(url, headers)).toMatchObject({ status: 200, body: '{}' });
    }
  });
});

it('the name in HOST may have upper-case letters', async () => {
  const server = express()
    .use(ownOriginOnly('My-Box'), (_, response) => void response.json({}))
    .listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await send(url, { Host: 'my-box:8008' })).toMatchObject({ status: 200 });
  expect(await send(url, { Host: 'MY-BOX:8008', Origin: 'http://my-box:8008' })).toMatchObject({
    status: 200,
  });
  expect(await send(url, { Host: 'other-box:8008' })).toMatchObject({ status: 403 });
});

describe('the console', () => {
  it('shows IDs without control characters', async () => {
    const DATABASE = await newDatabasePath();
    const example = await start({ DATABASE });
    const response = await fetch(`${example.url}/_matrix/client/v3/rooms/!lobby:localhost/invite`, {
      method: 'POST',
      headers: { Authorization: 'Bearer alice-token' },
      body: JSON.stringify({ user_id: '@a\u001b[2J\n\u202eb:localhost' }),
    });
    expect(response.status).toBe(200);
    const printedId = '@a\\u001b[2J\\n\\u202eb:localhost';
    await example.hasPrinted(
      `@alice:localhost invited ${printedId} to !lobby:localhost\n`.replaceAll(/[[\\]/g, '\\$&'),
    );
    expect(await example.stop('SIGTERM')).toBe(0);
    expect((await start({ DATABASE })).stdout).toContain(`  !lobby:localhost: ${printedId}\n`);
  });
});

describe('npm start', () => {
  // npm passes the signal to the shell that runs the script, and shells do not pass it on. So the script replaces the
  // shell with `exec`. Windows has no `exec` and no signals: there, the second command of the script runs.
  it.each(['SIGTERM', 'SIGINT'] as const)('ends everything that it started after %s', async (signal) => {
    const npm = await Example.start('quickstart', { DATABASE: await newDatabasePath() }, ['npm', 'start']);
    const pids = await descendantsOf(npm.process.pid ?? 0);
    expect(pids.length).toBeGreaterThanOrEqual(1);
    onTestFinished(() => pids.forEach(killIfRunning));
    // To npm alone, as a supervisor does. A terminal sends Ctrl-C to all of its processes.
    expect(await npm.stop(signal)).toBe(0);
    expect(pids.filter(killIfRunning)).toEqual([]);
    expect(npm.stderr).toBe('');
    const { port } = new URL(npm.url);
    const again = await Example.start('quickstart', { DATABASE: await newDatabasePath(), PORT: port });
    expect(again.url).toBe(npm.url);
  });
});

/** Returns true if the process was running. */
function killIfRunning(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** The PIDs of the processes that a process has started, and of theirs. */
async function descendantsOf(pid: number): Promise<number[]> {
  const line = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const children = line.split(' ').map(Number).filter(Boolean);
  return [...children, ...(await Promise.all(children.map(descendantsOf))).flat()];
}

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

  it.each([
    ['rooms', 'it is a folder. Set DATABASE to the path of a file'],
    ['none/rooms.sqlite', 'there is no folder "{folder}/none"'],
    ['text/rooms.sqlite', 'there is no folder "{folder}/text"'],
    ['text', 'file is not a database'],
    ['file:{folder}/empty?mode=ro', 'attempt to write a readonly database'],
    ['/dev/full', 'database or disk is full'],
    ['a\n\u001b[2J/rooms.sqlite', 'there is no folder "{folder}/a\n\u001b[2J"'],
  ])('comes with one line when the database cannot be used: %j', async (name, reason) => {
    const folder = dirname(await newDatabasePath());
    await writeFile(`${folder}/empty`, '');
    await writeFile(`${folder}/text`, 'This is not a database. '.repeat(100));
    await mkdir(`${folder}/rooms`);
    const DATABASE = /^(?:\/|file:)/.test(name) ? name.replace('{folder}', folder) : `${folder}/${name}`;
    const example = new Example('quickstart', { DATABASE });
    expect(await example.ended).toBe(1);
    const line = `The database "${DATABASE}" cannot be used: ${reason.replace('{folder}', folder)}`;
    expect(example.stderr).toBe(`${line.replaceAll('\n', '\\n').replaceAll('\u001b', '\\u001b')}\n`);
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
