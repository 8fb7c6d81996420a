import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyInto } from './project.ts';

/** Returns the first line of the error that loading a package throws, or `undefined` if it loads. */
export async function loadFailure(project: string, node: string, name: string): Promise<string | undefined> {
  const program = await copyInto(project, 'consumer/load-each.mjs');
  const output = await new Promise<string>((resolve, reject) => {
    execFile(node, [program, name], (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  // Some packages print their own lines when loaded.
  const outcomes = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Record<string, { require: Outcome }>;
  const outcome = outcomes[name]?.require;
  return typeof outcome === 'object' ? outcome.firstLine : undefined;
}
type Outcome = 'loaded' | { readonly firstLine: string };

/** Adds an empty module for a missing package. */
export async function addEmptyModule(project: string, name: string): Promise<void> {
  const folder = join(project, 'node_modules', name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'index.js'), '');
}
