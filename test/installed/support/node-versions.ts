import { join } from 'node:path';
import { projectWith } from './project.ts';

/** The versions of Node that the package runs on. */
export const NODE_MAJORS = [20, 22, 24, 26] as const;
export type NodeMajor = (typeof NODE_MAJORS)[number];

/** The Node that runs the tests: its own major version need not be installed. */
const running = Number.parseInt(process.versions.node, 10);

/** The path of a Node of that version: its newest, from npm. */
export async function nodeOf(major: NodeMajor): Promise<string> {
  if (major === running) return process.execPath;
  const missing = NODE_MAJORS.filter((other) => other !== running);
  const folder = await projectWith(
    'nodes',
    missing.map((other) => `node${other}@npm:${binaryPackage()}@${other}`),
  );
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  return join(folder, `node_modules/node${major}/bin/${file}`);
}

/** On Linux, what the package `node` installs by a script otherwise: npm may be set to run none. */
function binaryPackage(): string {
  return process.platform === 'linux' ? `node-linux-${process.arch}` : 'node';
}
