import { expect, it } from 'vitest';
import { Example, inBash, newDatabasePath, silentConnection, takenPort } from './example.ts';

/** What the examples of other frameworks have in common. Each start takes seconds, so that there are few. */
export function isLikeTheOthers(name: string): void {
  it('answers what it prints as it says, leaves the rest to the framework, and ends cleanly', async () => {
    const example = await Example.start(name, { DATABASE: await newDatabasePath() });
    await example.hasPrinted(/^# \["@bob:localhost"\]\n/m);
    const printed = [...example.stdout.matchAll(/^(curl .*)\n# (.*)$/gm)];
    expect(printed).toHaveLength(2);
    for (const [, command = '', answer] of printed) expect(await inBash(command)).toBe(answer);

    const rooms = `${example.url}/_matrix/client/v3/rooms`;
    const other = await fetch(`${rooms}/%21lobby:localhost/state`);
    expect([other.status, await other.json()]).toMatchObject([404, { statusCode: 404, error: 'Not Found' }]);

    const headers = { Authorization: 'Bearer alice-token' };
    const undecodable = await fetch(`${rooms}/%zz/invite`, { method: 'POST', headers, body: '{}' });
    expect([undecodable.status, await undecodable.json()]).toMatchObject([
      400,
      { errcode: expect.any(String) },
    ]);

    await silentConnection(example.url);
    expect(await example.stop('SIGTERM')).toBe(0);
    expect(example.stderr).toBe('');
  });

  it('says in one line that its port is taken', async () => {
    const example = new Example(name, { DATABASE: await newDatabasePath(), PORT: `${await takenPort()}` });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toMatch(/^Port \d+ is taken: .*\n$/);
    expect(example.stdout).toBe('');
  });
}
