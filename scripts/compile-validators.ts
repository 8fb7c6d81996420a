// Writes the validators of requests and responses, so that using the package loads no Ajv: npm run compile:validators
import { writeFile } from 'node:fs/promises';
import { compileValidators } from './description-ajv.ts';

for (const [name, source] of Object.entries(compileValidators())) {
  await writeFile(new URL(`../src/openapi/compiled/${name}`, import.meta.url), source);
}
