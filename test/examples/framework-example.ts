import { expect, it } from 'vitest';
import { Example, inBash, silentConnection, takenPort } from './example.ts';

/** The tests of an example in another framework. There are few, because each start takes seconds. */
export function testFrameworkExample(name: string): void {
  it('responds to the printed commands as it says, leaves other paths to the framework, and ends cleanly', async () => {
    const example = await Example.start(name);
    await example.hasPrinted(/^# \["@bob:localhost"\]\n/m);
    const printed = [...example.stdout.matchAll(/^(curl .*)\n# (.*)$/gm)];
    expect(printed).toHaveLength(2);
    for (const [, command = '', output] of printed) expect(await inBash(command)).toBe(output);

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

  it('prints one line when its port is in use', async () => {
    const example = new Example(name, { PORT: `${await takenPort()}` });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toMatch(/^.*listen EADDRINUSE: address already in use 127\.0\.0\.1:\d+.*\n$/);
    expect(example.stdout).toBe('');
  });
}
