/** One case of a contract: what an adapter must do, as a function that rejects when it does not. */
export type ContractCase<Harness> = {
  /** Unique within its contract. */
  readonly name: string;
  /** The promise that it tests, as the interface numbers it: `readState 1`. */
  readonly postcondition: string;
  /** The optional member of the harness without which the case cannot run. Default: it always can. */
  readonly requires?: keyof Harness & string;
  /**
   * Runs the case. The harness must be a fresh one; the store behind it may be shared, since every case makes ids
   * of its own.
   *
   * @throws {Error} (rejects) naming the postcondition and what was seen, when the adapter breaks its promise, and
   *   when the harness lacks what the case requires: ask {@link canRun} first
   */
  run(harness: Harness): Promise<void>;
};

/** A harness of which some optional members are certain to be there. */
type Offering<Harness, Capability extends keyof Harness> = Harness & {
  readonly [Name in Capability]-?: NonNullable<Harness[Name]>;
};

/** Makes a case whose `run` sees the member that it requires as present. */
export type DefineCase<Harness> = <Capability extends keyof Harness & string = never>(definition: {
  readonly name: string;
  readonly postcondition: string;
  readonly requires?: Capability;
  run(harness: Offering<Harness, Capability>): Promise<void>;
}) => ContractCase<Harness>;

/** Whether the harness offers what the case requires. */
export function canRun<Harness extends object>(
  contractCase: Pick<ContractCase<Harness>, 'requires'>,
  harness: Harness,
): boolean {
  return offers(harness, contractCase.requires);
}

/** The maker of cases for one kind of harness. */
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
