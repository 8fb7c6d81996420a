import { existsSync, readdirSync } from 'node:fs';

const ADAPTERS = 'adapters';

/**
 * The source file of each entry point, by its path in `dist` without the ending. An adapter is `adapters/KIND/NAME.ts`,
 * or `adapters/KIND/NAME/index.ts` with its helpers beside it. If there is only one of a kind, it is
 * `adapters/KIND/index.ts`.
 */
export function entryPoints(): Record<string, string> {
  const adapters = readdirSync(ADAPTERS).flatMap((kind) => {
    const only = `${ADAPTERS}/${kind}/index.ts`;
    if (existsSync(only)) return [[kind, only] as const];
    return readdirSync(`${ADAPTERS}/${kind}`).flatMap((file) => {
      const name = file.replace(/\.ts$/, '');
      const source = [`${kind}/${name}.ts`, `${kind}/${name}/index.ts`]
        .map((path) => `${ADAPTERS}/${path}`)
        .find((path) => existsSync(path));
      return source === undefined ? [] : [[`${kind}/${name}`, source] as const];
    });
  });
  return {
    index: 'src/index.ts',
    testing: 'src/testing/index.ts',
    openapi: 'src/openapi/index.ts',
    pdu: 'src/pdu/index.ts',
    ...Object.fromEntries(adapters),
  };
}
