import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StorageHarness, storageContract, whyNot } from '../../src/testing/index.ts';
import { chatApp } from './chat-app.ts';
import { type Database, openMariadb } from './database.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let database: Database;
let url: string;

beforeAll(async () => {
  database = await openMariadb();
  const { user, host, port, database: name } = database.connection;
  url = `mysql://${user}@${host}:${port}/${name}`;
});
afterAll(() => database?.close());

/** Runs a program of the recipes, which must end by itself. Returns its exit code and what it printed. */
function run(...parameters: string[]): Promise<{ code: unknown; output: string }> {
  const env = { ...process.env, TEST_DATABASE_URL: url, NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(process.execPath, parameters, { cwd: ROOT, env }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, output: `${stdout}${stderr}` });
    });
  });
}

/** The cases that a harness with a second instance can run, for users whose names have 64 characters. */
function runnable(): number {
  const harness: StorageHarness = {
    ...chatApp(database),
    adapter: { readState: () => Promise.reject(), appendEvent: () => Promise.reject() },
    secondInstance: () => Promise.reject(),
    limits: { longUserIds: '64 characters' },
  };
  return storageContract.filter((contractCase) => whyNot(contractCase, harness) === undefined).length;
}

describe('the harness of the recipes', () => {
  it('runs the cases with node:test', async () => {
    const { code, output } = await run(
      '--import',
      'tsx',
      '--test',
      '--test-reporter=tap',
      'examples/recipes/chat-storage.test.ts',
    );
    expect(code, output).toBe(0);
    const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)?.[1]);
    expect([count('pass'), count('skipped')]).toEqual([runnable(), storageContract.length - runnable()]);
  });

  it('runs the cases with Vitest', async () => {
    const config = ['--config', 'test/recipes/vitest.config.ts'];
    const { code, output } = await run('node_modules/vitest/vitest.mjs', 'run', ...config);
    expect(code, output).toBe(0);
    const skipped = storageContract.length - runnable();
    expect(output).toContain(`${runnable()} passed | ${skipped} skipped (${storageContract.length})`);
  });
});
