// Compares the speed of this package with what the machine can do at best:
// npm run bench -- [throughput|growth|profile|allocations|memory|timing|start|federation|all|peers|versus REF] [--rounds N] [--seconds S] [--rows PATTERN]
//   [--soak-minutes M] [--most N] [--quick] [--write]
// docs/performance.md describes the commands and options.
import { allocations } from './allocations/run.ts';
import { type BenchOptions, benchOptions, type Command } from './arguments.ts';
import { federation } from './federation/run.ts';
import { growth } from './growth/run.ts';
import { memory } from './memory/run.ts';
import { peers } from './peers/run.ts';
import { profile } from './profile/run.ts';
import { type Outcome, writeOutcome } from './report/page.ts';
import { start } from './start/run.ts';
import { throughput } from './throughput/run.ts';
import { timing } from './timing/run.ts';
import { versus } from './versus/run.ts';

const commands: Record<Command, (options: BenchOptions) => Promise<Outcome>> = {
  throughput,
  growth,
  profile,
  allocations,
  memory,
  timing,
  start,
  federation,
  peers,
  versus,
};

const options = benchOptions(process.argv.slice(2));
for (const name of options.commands) {
  const outcome = await commands[name](options);
  console.log(`\n${Object.values(outcome.blocks).join('\n\n')}\n`);
  for (const failure of outcome.failures) console.error(`failed: ${failure}`);
  if (outcome.failures.length > 0) process.exitCode = 1;
  else if (options.write) await writeOutcome(outcome);
}
