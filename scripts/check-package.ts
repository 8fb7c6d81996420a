// Checks the package as npm would publish it: its manifest with publint, the types of each entry point with attw.
import { execFileSync } from 'node:child_process';
import { entryPoints } from './entry-points.ts';

// attw does not expand the patterns of `exports`.
const subpaths = Object.keys(entryPoints()).map((name) => (name === 'index' ? '.' : name));

execFileSync('publint', ['--strict'], { stdio: 'inherit' });
execFileSync('attw', ['--pack', '.', '--entrypoints', ...subpaths], {
  stdio: 'inherit',
});
