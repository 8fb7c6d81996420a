/**
 * Returns the result of a function of the host app that must return a boolean.
 *
 * @param name the policy and its option: `adminsOnly: isAdmin`
 * @throws {TypeError} (rejects) for anything else: converted to a boolean, the mistake would go unnoticed
 */
export async function booleanResult(name: string, result: boolean | Promise<boolean>): Promise<boolean> {
  const value: unknown = await result;
  if (typeof value !== 'boolean') {
    throw new TypeError(`${name} must return a boolean, not ${typeof value}`);
  }
  return value;
}
