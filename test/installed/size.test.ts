import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import budget from './size-budget.json' with { type: 'json' };
import { bareProject } from './support/consumers.ts';
import { packagesIn } from './support/project.ts';
import { tableOf } from './support/table.ts';

const measures = ['tarballBytes', 'unpackedBytes', 'installedBytes', 'packages'] as const;
type Size = Record<(typeof measures)[number], number>;

let size: Size;

beforeAll(async () => {
  const project = await bareProject();
  size = {
    tarballBytes: (await stat(inject('packed').tarball)).size,
    unpackedBytes: await bytesIn(join(project, 'node_modules/express-matrix-invite')),
    installedBytes: await bytesIn(join(project, 'node_modules')),
    packages: (await packagesIn(project)).length,
  };
});

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map((file) => stat(join(file.parentPath, file.name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

describe('the size of the package without Express', () => {
  it.each(measures)('%s is within the budget', (measure) => {
    expect(size[measure]).toBeGreaterThan(0);
    expect(size[measure]).toBeLessThanOrEqual(budget[measure]);
  });

  it('has a budget for exactly what is measured', () => {
    expect(Object.keys(budget)).toEqual(measures);
  });
});

afterAll(() => {
  const rows = measures.map((measure) => [measure, String(size[measure]), String(budget[measure])]);
  console.log(tableOf([['Size', 'measured', 'budget'], ...rows]));
});
