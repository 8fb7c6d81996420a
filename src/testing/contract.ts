/** One case of a contract: a function that rejects if the adapter breaks a promise. */
export type ContractCase<Harness> = {
  /** Unique within its contract. */
  readonly name: string;
  /** The tested promise, as numbered in the interface, such as `readState 1`. */
  readonly postcondition: string;
  /** The optional property of the harness that the case needs. Default: none. */
  readonly requires?: keyof Harness & string;
  /**
   * Runs the case. Needs a fresh harness. Its store may be shared, since every case creates its own IDs.
   *
   * @throws {Error} (rejects) if the adapter breaks its promise; the message contains the postcondition and
   *   what was seen. Also if the harness lacks what the case requires: call {@link canRun} first.
   */
  run(harness: Harness): Promise<void>;
};

/** A harness in which some optional properties are present. */
type Offering<Harness, Capability extends keyof Harness> = Harness & {
  readonly [Name in Capability]-?: NonNullable<Harness[Name]>;
};

/** Defines a case. In its `run`, the required property of the harness is present. */
export type DefineCase<Harness> = <Capability extends keyof Harness & string = never>(definition: {
  readonly name: string;
  readonly postcondition: string;
  readonly requires?: Capability;
  run(harness: Offering<Harness, Capability>): Promise<void>;
}) => ContractCase<Harness>;

/** Returns true if the harness has what the case requires. */
export function canRun<Harness extends object>(
  contractCase: Pick<ContractCase<Harness>, 'requires'>,
  harness: Harness,
): boolean {
  return offers(harness, contractCase.requires);
}

/** Returns the function that defines cases for one type of harness. */
export function caseMaker<Harness extends object>(): DefineCase<Harness> {
  return ({ name, postcondition, requires, run }) => ({
    name,
    postcondition,
    requires,
    async run(harness) {
      if (!offers(harness, requires)) {
        throw new Error(`${postcondition}: "${name}" needs a harness with ${requires}`);
      }
      try {
        await run(harness);
      } catch (cause) {
        const seen = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`${postcondition} is broken: "${name}": ${seen}`, { cause });
      }
    },
  });
}

function offers<Harness extends object, Capability extends keyof Harness>(
  harness: Harness,
  capability: Capability | undefined,
): harness is Offering<Harness, Capability> {
  return capability === undefined || Boolean(harness[capability]);
}
