import type { Sample } from '../harness/measure.ts';
import { ratioOf, type Spread, spreadOf } from '../harness/statistics.ts';
import { BASELINE } from './rows.ts';

/** What the rounds have brought, by the ids of rows and commit rates. */
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

  /** One number of every round of a row; undefined where the row was left out. */
  spread(id: string, number: keyof Sample): Spread | undefined {
    const samples = this.samples.get(id);
    return samples && spreadOf(samples.map((sample) => sample[number]));
  }

  /** Requests a second, to those of another row in the same round. */
  ratio(id: string, base: string = BASELINE): Spread | undefined {
    const [samples, baseSamples] = [this.samples.get(id), this.samples.get(base)];
    return samples && baseSamples && ratioOf(ratesOf(samples), ratesOf(baseSamples));
  }

  /** Requests a second, to the machine's own commits in the same round. */
  share(id: string, commits: string): Spread | undefined {
    const [samples, rates] = [this.samples.get(id), this.commits.get(commits)];
    return samples && rates && ratioOf(ratesOf(samples), rates);
  }
}

function ratesOf(samples: readonly Sample[]): number[] {
  return samples.map(({ rate }) => rate);
}
