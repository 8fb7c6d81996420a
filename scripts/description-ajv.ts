import { _, Ajv2020, type KeywordCxt, type ValidateFunction } from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';
import { inviteDescription } from '../src/openapi/description.ts';
import type { Schema } from '../src/openapi/document.ts';
import { onBindInviteSchema, onBindSchema } from '../src/openapi/on-bind-schemas.ts';
import { isRoomId, isUserId } from '../src/rooms/identifiers.ts';

const DESCRIPTION = 'invite';

/** Returns an Ajv that knows Matrix's `format`s, and rejects a schema with any keyword it does not know. */
function newAjv(): Ajv2020 {
  const ajv = new Ajv2020({
    strict: true,
    strictTypes: true,
    strictRequired: true,
    // Choosing between M_BAD_JSON and M_INVALID_PARAM takes all errors into account.
    allErrors: true,
    // Fields of a polluted Object.prototype do not count.
    ownProperties: true,
    code: { source: true, esm: true, lines: true, formats: _`formats` },
  });

  ajv.addFormat('mx-user-id', { type: 'string', validate: isUserId });
  ajv.addFormat('mx-room-id', { type: 'string', validate: isRoomId });
  ajv.addKeyword({
    keyword: 'x-well-formed',
    type: 'string',
    metaSchema: { const: true },
    code: (context: KeywordCxt) => context.fail(_`!${context.data}.isWellFormed()`),
  });
  ajv.addVocabulary(['x-addedInMatrixVersion']);
  // Ajv treats the document around the schemas as a schema too, one without rules.
  ajv.addVocabulary(Object.keys(inviteDescription));
  ajv.addSchema(inviteDescription, DESCRIPTION);
  return ajv;
}

export const ajv = newAjv();

/**
 * Returns the compiled schema that a `$ref` of the description points to.
 *
 * @param ref such as `#/components/schemas/Error`
 * @throws {Error} if it points to nothing
 */
export function compiled<T>(ref: string): ValidateFunction<T> {
  const validate = ajv.getSchema<T>(DESCRIPTION + ref);
  if (validate === undefined) throw new Error(`The description has no ${ref}`);
  return validate as ValidateFunction<T>;
}

const HEAD = `// Ajv's standalone code for the OpenAPI description, written by \`npm run compile:validators\`. Do not edit.
import * as identifiers from '../../rooms/identifiers.ts';

const formats = {
  'mx-room-id': { validate: identifiers.isRoomId },
  'mx-user-id': { validate: identifiers.isUserId },
};
`;

/** The modules in `src/openapi/compiled`: the source of each, by its name. */
export function compileValidators(): Record<'on-bind.js' | 'requests.js' | 'responses.js', string> {
  // The names in the code depend on what an Ajv has compiled before.
  const fresh = newAjv();
  return {
    'requests.js': moduleOf(fresh, ['InviteByThirdPartyId', 'InviteByUserId', 'RoomId']),
    'responses.js': moduleOf(
      fresh,
      ['Error', 'Invited', 'RateLimitError', 'UnauthorizedError', 'UnavailableError'],
      headerSchemas(),
    ),
    'on-bind.js': moduleOf(fresh, [], { OnBind: onBindSchema, OnBindInvite: onBindInviteSchema }),
  };
}

/** Returns a module that exports `isNAME` for each schema. */
function moduleOf(from: Ajv2020, components: readonly string[], others: Record<string, Schema> = {}): string {
  const refs = Object.fromEntries(
    components.map((name) => [`is${name}`, `${DESCRIPTION}#/components/schemas/${name}`]),
  );
  for (const [name, schema] of Object.entries(others)) {
    from.addSchema(schema, name);
    refs[`is${name}`] = name;
  }
  return HEAD + standalone.default(from, refs).replace('"use strict";', '');
}

/** The schemas of the response headers. A header has the same one in every response. */
function headerSchemas(): Record<string, Schema> {
  const { responses } = inviteDescription.paths['/rooms/{roomId}/invite'].post;
  const headers = Object.values(responses).flatMap((response) => Object.entries(response.headers ?? {}));
  return Object.fromEntries(
    headers.map(([name, { schema }]) => [`${name.replaceAll('-', '')}Header`, schema] as const),
  );
}
