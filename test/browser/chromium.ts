import { type Browser, chromium } from 'playwright-core';
import { afterAll } from 'vitest';
import { installedCommand } from '../../servers/debian-package.ts';

const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  // Otherwise it asks hosts of its maker for this and that.
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let launched: Promise<Browser> | undefined;

afterAll(async () => {
  await (await launched)?.close();
  launched = undefined;
});

/** Headless Chromium from Debian's package; one for a test file. */
export function browser(): Promise<Browser> {
  launched ??= launch();
  return launched;
}

async function launch(): Promise<Browser> {
  const executablePath = await installedCommand('chromium');
  // Chromium refuses to start its sandbox for root.
  const args = process.getuid?.() === 0 ? [...FLAGS, '--no-sandbox'] : FLAGS;
  return chromium.launch({ executablePath, args });
}
