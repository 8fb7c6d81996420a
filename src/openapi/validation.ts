/** A problem that Ajv's code found. */
export type ValidationError = {
  /** A JSON pointer to the value, empty for the whole. */
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
};

/** A function that Ajv has generated. `errors` belongs to the latest call. */
export type Validator<T = unknown> = {
  (value: unknown): value is T;
  readonly errors?: readonly ValidationError[] | null;
};
