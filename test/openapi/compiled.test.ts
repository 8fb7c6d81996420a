import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { compileValidators } from '../../scripts/description-ajv.ts';
import { checkResponse } from '../../src/openapi/check-response.ts';
import { inviteDescription } from '../../src/openapi/index.ts';

it.each(Object.entries(compileValidators()))(
  '%s is what Ajv makes of the description',
  async (name, source) => {
    const path = new URL(`../../src/openapi/compiled/${name}`, import.meta.url);
    expect(await readFile(path, 'utf8'), 'run: npm run compile:validators').toBe(source);
  },
);

it('has a validator for every body and every header of the responses', () => {
  const { responses } = inviteDescription.paths['/rooms/{roomId}/invite'].post;
  for (const [status, { headers = {} }] of Object.entries(responses)) {
    const some = Object.fromEntries(Object.keys(headers).map((name) => [name, '1']));
    expect(checkResponse(Number(status), {}, some).join(), status).not.toContain('no validator');
  }
});
