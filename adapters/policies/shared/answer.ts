/** What a function of the host's answers, at once or later. */
export type Answer<T> = T | Promise<T>;

/**
 * The answer of a host's function that says yes or no.
 *
 * @throws (rejects) {TypeError} for anything else: taken as a yes or a no, it would pass unnoticed
 */
export async function yesOrNo(name: string, answer: Answer<boolean>): Promise<boolean> {
  const value: unknown = await answer;
  if (typeof value !== 'boolean')
    throw new TypeError(`${name} must answer true or false, not ${typeof value}`);
  return value;
}
