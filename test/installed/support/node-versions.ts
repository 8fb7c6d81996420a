import { join } from 'node:path';
import { projectWith } from './project.ts';

/** The major versions of Node that the package supports. */
export const NODE_MAJORS = [20, 22, 24, 26] as const;
export type NodeMajor = (typeof NODE_MAJORS)[number];

/** The major version of Node that runs the tests, which need not be installed again. */
const running = Number.parseInt(process.versions.node, 10);

/** Returns the path of the newest Node of a major version. Installs it from npm if needed. */
export async function nodePathOf(major: NodeMajor): Promise<string> {
  if (major === running) return process.execPath;
  const missing = NODE_MAJORS.filter((other) => other !== running);
  const folder = await projectWith(
    'nodes',
    missing.map((other) => `node${other}@npm:${binaryPackage()}@${other}`),
  );
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  return join(folder, `node_modules/node${major}/bin/${file}`);
}

/** On Linux, names the package that `node` would install with a script: npm may be configured to run none. */
function binaryPackage(): string {
  return process.platform === 'linux' ? `node-linux-${process.arch}` : 'node';
}
