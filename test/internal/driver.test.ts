import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { DRIVER_VERSIONS } from '../../src/internal/driver.ts';
import { readPage, sectionsOf, tableRowsOf } from '../docs/pages.ts';
import { drivers } from '../package/dependency-rules.ts';

const optional = Object.keys(packageJson.peerDependenciesMeta);
const ranges = Object.entries(packageJson.peerDependencies);

describe('the drivers', () => {
  it('are peer dependencies in any version, so that npm installs the package beside each', () => {
    expect(ranges.filter(([name]) => optional.includes(name)).map(([, range]) => range)).toEqual(
      optional.map(() => '*'),
    );
  });

  it('that adapters import are those whose version is checked', () => {
    const imported = [...new Set(Object.values(drivers).flat())];
    expect(Object.keys(DRIVER_VERSIONS).sort()).toEqual(
      imported.filter((name) => optional.includes(name)).sort(),
    );
  });

  it('are in docs/production.md with the versions that the code checks', () => {
    const section = sectionsOf(readPage('docs/production.md')).find(({ title }) => title === 'Drivers');
    const importers = Object.entries(drivers);
    const expected = Object.entries(DRIVER_VERSIONS).map(([name, { from, major }]) => [
      name,
      `${from} to ${major}.x`,
      importers
        .filter(([, names]) => names.includes(name))
        .map(([adapter]) => adapter)
        .join(', '),
    ]);
    expect(tableRowsOf(section?.text ?? '')).toEqual(expected);
  });
});
