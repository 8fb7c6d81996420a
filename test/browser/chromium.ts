import { type Browser, chromium } from 'playwright-core';
import { afterAll } from 'vitest';
import { installedCommand } from '../../servers/debian-package.ts';

const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  // Without these, Chromium sends requests to Google.
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let launched: Promise<Browser> | undefined;

afterAll(async () => {
  await (await launched)?.close();
  launched = undefined;
});

/** Returns headless Chromium from the Debian package, launched once per test file. */
export function browser(): Promise<Browser> {
  launched ??= launch();
  return launched;
}

async function launch(): Promise<Browser> {
  const executablePath = await installedCommand('chromium');
  // Chromium cannot start its sandbox as root.
  const args = process.getuid?.() === 0 ? [...FLAGS, '--no-sandbox'] : FLAGS;
  return chromium.launch({ executablePath, args });
}
