import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { isRoomId, isUserId } from '../rooms/identifiers.ts';
import { inviteDescription } from './description.ts';

const DESCRIPTION = 'invite';

/**
 * The one Ajv instance. It knows what Matrix's `format`s mean, and refuses schemas that it does not understand
 * to the last keyword.
 */
export const ajv = new Ajv2020({
  strict: true,
  strictTypes: true,
  strictRequired: true,
  // Whether an answer is M_BAD_JSON or M_INVALID_PARAM takes all that is wrong into account.
  allErrors: true,
  // Fields that a polluted Object.prototype brings do not count.
  ownProperties: true,
});

ajv.addFormat('mx-user-id', { type: 'string', validate: isUserId });
ajv.addFormat('mx-room-id', { type: 'string', validate: isRoomId });
ajv.addKeyword({
  keyword: 'x-well-formed',
  type: 'string',
  metaSchema: { const: true },
  validate: (_: true, text: string) => text.isWellFormed(),
  errors: false,
});
ajv.addVocabulary(['x-addedInMatrixVersion']);
// To Ajv the document around the schemas is a schema as well, one without rules.
ajv.addVocabulary(Object.keys(inviteDescription));
ajv.addSchema(inviteDescription, DESCRIPTION);

/**
 * The compiled schema that a `$ref` of the description points to.
 *
 * @param ref such as `#/components/schemas/Error`
 * @throws {Error} when it points to nothing
 */
export function compiled<T>(ref: string): ValidateFunction<T> {
  const validate = ajv.getSchema<T>(DESCRIPTION + ref);
  if (validate === undefined) throw new Error(`The description has no ${ref}`);
  return validate as ValidateFunction<T>;
}
