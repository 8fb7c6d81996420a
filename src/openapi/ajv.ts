import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { isRoomId, isUserId } from '../rooms/identifiers.ts';
import { inviteDescription } from './description.ts';

const DESCRIPTION = 'invite';

/**
 * The only Ajv instance. It knows Matrix's `format`s, and rejects a schema with any keyword it does not know.
 */
export const ajv = new Ajv2020({
  strict: true,
  strictTypes: true,
  strictRequired: true,
  // Choosing between M_BAD_JSON and M_INVALID_PARAM takes all errors into account.
  allErrors: true,
  // Fields of a polluted Object.prototype do not count.
  ownProperties: true,
});

ajv.addFormat('mx-user-id', { type: 'string', validate: isUserId });
ajv.addFormat('mx-room-id', { type: 'string', validate: isRoomId });
ajv.addKeyword({
  keyword: 'x-well-formed',
  type: 'string',
  metaSchema: { const: true },
  validate: (_: true, value: string) => value.isWellFormed(),
  errors: false,
});
ajv.addVocabulary(['x-addedInMatrixVersion']);
// Ajv treats the document around the schemas as a schema too, one without rules.
ajv.addVocabulary(Object.keys(inviteDescription));
ajv.addSchema(inviteDescription, DESCRIPTION);

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
