/** Runs the Vitest file of the recipes as a host app would. */
export default { resolve: { tsconfigPaths: true }, test: { include: ['examples/recipes/*.spec.ts'] } };
