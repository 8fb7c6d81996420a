import type { Sample } from '../harness/measure.ts';
import { ratioOf, type Spread, spreadOf } from '../harness/statistics.ts';
import { BASELINE } from './rows.ts';

/** The results of all rounds, by the IDs of rows and commit rates. Methods return `undefined` for a skipped row. */
export class Results {
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
  readonly commits: ReadonlyMap<string, readonly number[]>;

  constructor(
    samples: ReadonlyMap<string, readonly Sample[]>,
    commits: ReadonlyMap<string, readonly number[]>,
  ) {
    this.samples = samples;
    this.commits = commits;
  }

  /** Returns the spread of one number of a row. */
  spread(id: string, number: keyof Sample): Spread | undefined {
    const samples = this.samples.get(id);
    return samples && spreadOf(samples.map((sample) => sample[number]));
  }

  /** Returns a row's request rate, divided by that of another row in the same round. */
  ratio(id: string, base: string = BASELINE): Spread | undefined {
    const [samples, baseSamples] = [this.samples.get(id), this.samples.get(base)];
    return samples && baseSamples && ratioOf(ratesOf(samples), ratesOf(baseSamples));
  }

  /** Returns a row's request rate, divided by a commit rate of the machine in the same round. */
  perCommit(id: string, commitRate: string): Spread | undefined {
    const [samples, rates] = [this.samples.get(id), this.commits.get(commitRate)];
    return samples && rates && ratioOf(ratesOf(samples), rates);
  }
}

function ratesOf(samples: readonly Sample[]): number[] {
  return samples.map(({ rate }) => rate);
}
