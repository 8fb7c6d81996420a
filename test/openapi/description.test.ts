import { describe, expect, it } from 'vitest';
import { ajv, compiled } from '../../scripts/description-ajv.ts';
import { inviteDescription } from '../../src/openapi/index.ts';
import { asJson, everyValueOf, resolve } from './support.ts';

const { components, paths } = inviteDescription;
const operations = Object.entries(paths).map(([path, { post }]) => ({ path, ...post }));

describe('the OpenAPI document', () => {
  it('is plain JSON', () => {
    expect(asJson).toEqual(inviteDescription);
    expect(asJson.openapi).toMatch(/^3\.1\.\d+$/);
  });

  it('has no dangling references', () => {
    const refs = everyValueOf('$ref');
    expect(refs.length).toBeGreaterThan(10);
    for (const ref of refs) expect(resolve(String(ref)), String(ref)).toBeDefined();
  });

  it('has no unused schemas', () => {
    const refs = new Set(everyValueOf('$ref'));
    for (const name of Object.keys(components.schemas))
      expect(refs).toContain(`#/components/schemas/${name}`);
  });

  it.each(Object.keys(components.schemas))('has a schema %s of which Ajv knows every keyword', (name) => {
    expect(compiled(`#/components/schemas/${name}`)).toBeTypeOf('function');
  });

  it('has header schemas of which Ajv knows every keyword', () => {
    const headers = operations.flatMap(({ responses }) =>
      Object.values(responses).flatMap((response) => Object.values(response.headers ?? {})),
    );
    expect(headers).not.toHaveLength(0);
    for (const { schema } of headers) expect(ajv.compile(schema)).toBeTypeOf('function');
  });

  it.each(
    Object.entries(components.schemas).flatMap(([name, { examples = [] }]) =>
      examples.map((example) => [name, example] as const),
    ),
  )('has a valid example of %s', (name, example) => {
    expect(compiled(`#/components/schemas/${name}`)(example)).toBe(true);
  });

  it.each(operations)('declares the parameters of $path', ({ path, parameters }) => {
    expect(parameters.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{[^}]+\}/g));
    for (const parameter of parameters) expect(parameter).toMatchObject({ in: 'path', required: true });
  });

  it.each(operations)('uses exactly the declared security schemes for $path', ({ security }) => {
    expect(new Set(security.flatMap(Object.keys))).toEqual(new Set(Object.keys(components.securitySchemes)));
  });

  it.each(operations)('has valid statuses and described responses for $path', ({ responses }) => {
    for (const [status, response] of Object.entries(responses)) {
      expect(status).toMatch(/^[1-5][0-9]{2}$/);
      expect(response.description).not.toBe('');
    }
  });

  it('has error codes that match its own schema', () => {
    const codes = everyValueOf('x-errcodes').flat();
    expect(codes).toContain('M_FORBIDDEN');
    for (const errcode of codes) {
      expect(compiled('#/components/schemas/Error')({ errcode, error: 'text' })).toBe(true);
    }
  });
});

describe('the Ajv instance', () => {
  it('rejects unknown keywords', () => {
    expect(() => ajv.compile({ type: 'string', 'x-unheard-of': true })).toThrow('x-unheard-of');
  });

  it('rejects unknown formats', () => {
    expect(() => ajv.compile({ type: 'string', format: 'mx-event-id' })).toThrow('mx-event-id');
  });

  it('names a dangling reference in its error', () => {
    expect(() => compiled('#/components/schemas/Nothing')).toThrow('#/components/schemas/Nothing');
  });
});
