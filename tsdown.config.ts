import { defineConfig } from 'tsdown';
import { entryPoints } from './scripts/entry-points.ts';

// One entry for each subpath of package.json's `exports`, so that nothing is loaded before its subpath is imported.
export default defineConfig({
  entry: entryPoints(),
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
