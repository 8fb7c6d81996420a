import { inviteDescription } from '../../src/openapi/index.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The description as a client receives it. */
export const asJson = JSON.parse(JSON.stringify(inviteDescription)) as { [key: string]: Json };

/** Returns every value of a key, at any depth. */
export function everyValueOf(key: string, value: Json = asJson): Json[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(name === key ? [inner] : []),
    ...everyValueOf(key, inner),
  ]);
}

/** Returns the target of a local `$ref`, a JSON pointer (RFC 6901), or `undefined` if there is none. */
export function resolve(ref: string): unknown {
  return ref
    .replace(/^#\//, '')
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((value, token) => (value as Record<string, unknown> | undefined)?.[token], asJson);
}
