import { messageOf } from './failure-message.ts';
import { HarnessFailure, namingItsFailures } from './harness-failure.ts';

/** One case of a contract: a function that rejects if the adapter breaks a promise. */
export type ContractCase<Harness> = {
  /** Unique within its contract. */
  readonly name: string;
  /** The tested promise, as numbered in the interface, such as `readState 1`. */
  readonly postcondition: string;
  /** The optional properties of the harness that the case needs. Default: none. */
  readonly requires?: readonly (keyof Harness & string)[];
  /** The limit that the case exceeds: it cannot run with a harness that declares this limit. Default: none. */
  readonly unless?: string;
  /**
   * Runs the case. Needs a fresh harness. Its store may be shared, since every case creates its own IDs.
   *
   * @throws {Error} (rejects) if the adapter breaks its promise; the message contains the postcondition and
   *   what was seen. Also if a function of the harness fails, which the message names, and if the harness lacks what
   *   the case requires: call {@link canRun} first.
   */
  run(harness: Harness): Promise<void>;
};

/** What a harness may declare that its store cannot hold, each with its reason. */
type LimitsOf<Harness> = Harness extends { readonly limits?: infer Limits } ? NonNullable<Limits> : never;

/** A harness in which some optional properties are present. */
type Offering<Harness, Capability extends keyof Harness> = Harness & {
  readonly [Name in Capability]-?: NonNullable<Harness[Name]>;
};

/** Defines a case. In its `run`, the required properties of the harness are present. */
export type DefineCase<Harness> = <Capability extends keyof Harness & string = never>(definition: {
  readonly name: string;
  readonly postcondition: string;
  readonly requires?: readonly Capability[];
  readonly unless?: keyof LimitsOf<Harness> & string;
  run(harness: Offering<Harness, Capability>): Promise<void>;
}) => ContractCase<Harness>;

/** Returns true if the harness has what the case requires, and declares no limit that the case exceeds. */
export function canRun<Harness extends object>(
  contractCase: Pick<ContractCase<Harness>, 'requires' | 'unless'>,
  harness: Harness,
): boolean {
  return whyNot(contractCase, harness) === undefined;
}

/** Returns why a case cannot run with a harness: the first capability that it lacks, or the limit that the case exceeds. */
export function whyNot<Harness extends object>(
  { requires, unless }: Pick<ContractCase<Harness>, 'requires' | 'unless'>,
  harness: Harness,
): string | undefined {
  const lacking = requires?.find((capability) => !harness[capability]);
  if (lacking !== undefined) return lacking;
  if (unless === undefined || !('limits' in harness)) return undefined;
  const reason: unknown = Reflect.get(Object(harness.limits), unless);
  return reason === undefined ? undefined : `limits.${unless} to be absent: ${String(reason)}`;
}

/** Returns the function that defines cases for one type of harness. */
export function caseMaker<Harness extends object>(): DefineCase<Harness> {
  return ({ name, postcondition, requires, unless, run }) => ({
    name,
    postcondition,
    requires,
    unless,
    async run(harness) {
      const lacking = whyNot({ requires, unless }, harness);
      if (lacking !== undefined) {
        throw new Error(`${postcondition}: "${name}" needs a harness with ${lacking}`);
      }
      try {
        await run(namingItsFailures(harness) as Parameters<typeof run>[0]);
      } catch (cause) {
        const verdict = cause instanceof HarnessFailure ? 'was not tested' : 'is broken';
        throw new Error(`${postcondition} ${verdict}: "${name}": ${messageOf(cause)}`, { cause });
      }
    },
  });
}
