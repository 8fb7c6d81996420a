import { existsSync, readdirSync } from 'node:fs';
import { defineConfig } from 'tsdown';

const ADAPTERS = 'adapters';

/** The subpath of each adapter, and its source: `adapters/KIND/NAME.ts`, or `adapters/KIND/NAME/index.ts`. */
export function adapterEntries(): Record<string, string> {
  const entries = readdirSync(ADAPTERS).flatMap((kind) =>
    readdirSync(`${ADAPTERS}/${kind}`, { withFileTypes: true }).flatMap((entry) => {
      const path = `${ADAPTERS}/${kind}/${entry.name}`;
      if (entry.isFile()) return [[`${kind}/${entry.name.replace(/\.ts$/, '')}`, path]];
      const index = `${path}/index.ts`;
      return existsSync(index) ? [[`${kind}/${entry.name}`, index]] : [];
    }),
  );
  return Object.fromEntries(entries);
}

// One entry for each subpath of package.json's `exports`, so that nothing is loaded before its subpath is imported.
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    testing: 'src/testing/index.ts',
    openapi: 'src/openapi/index.ts',
    ...adapterEntries(),
  },
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node20.19',
  // `.js` and `.cjs`: the package is of type "module".
  fixedExtension: false,
  dts: true,
  outputOptions: {
    // Otherwise Rolldown puts its CommonJS helpers into one entry, and the others load that entry for them.
    codeSplitting: { groups: [{ name: 'runtime', test: /rolldown[\\/]runtime/ }] },
  },
  sourcemap: false,
});
