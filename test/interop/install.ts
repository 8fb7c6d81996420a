import { pythonWithSydent, pythonWithSynapse } from './python.ts';

/** Installs the packages before the test files, which run in parallel and share them. */
export async function setup(): Promise<void> {
  await pythonWithSydent();
  await pythonWithSynapse();
}
