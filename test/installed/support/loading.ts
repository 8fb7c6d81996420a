import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { put } from './project.ts';

/** Why a package cannot be loaded: the first line of what Node says. `undefined` where it can. */
export async function loadFailure(project: string, node: string, name: string): Promise<string | undefined> {
  const program = await put(project, 'consumer/load-each.mjs');
  const output = await new Promise<string>((resolve, reject) => {
    execFile(node, [program, name], (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  // Some of what loads prints a line of its own.
  const outcomes = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Record<string, { require: Outcome }>;
  const outcome = outcomes[name]?.require;
  return typeof outcome === 'object' ? outcome.firstLine : undefined;
}
type Outcome = 'loaded' | { readonly firstLine: string };

/** Puts an empty module where a project lacks one. */
export async function putEmptyModule(project: string, name: string): Promise<void> {
  const folder = join(project, 'node_modules', name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'index.js'), '');
}
