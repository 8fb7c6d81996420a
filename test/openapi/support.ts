import { inviteDescription } from '../../src/openapi/index.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The description as a client that fetched it would have it. */
export const asJson = JSON.parse(JSON.stringify(inviteDescription)) as { [key: string]: Json };

/** Every value of a key, wherever it stands. */
export function everyValueOf(key: string, value: Json = asJson): Json[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(name === key ? [inner] : []),
    ...everyValueOf(key, inner),
  ]);
}

/** What a local `$ref` points to, by JSON pointer (RFC 6901); `undefined` where it points to nothing. */
export function resolve(ref: string): unknown {
  return ref
    .replace(/^#\//, '')
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((value, token) => (value as Record<string, unknown> | undefined)?.[token], asJson);
}
