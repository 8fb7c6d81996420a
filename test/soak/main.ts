// Runs the history checker: npm run soak -- --operations N --storage sqlite|postgres|mysql --seed S --faults on|off
import { parseArgs } from 'node:util';
import type { Report } from './report.ts';
import { type SoakOptions, soak } from './soak.ts';

const MAX_ANOMALIES_SHOWN = 50;

/** @throws {TypeError} for an invalid argument */
function optionsOf(args: string[]): SoakOptions {
  const { values } = parseArgs({
    args,
    options: {
      operations: { type: 'string', default: '20000' },
      storage: { type: 'string', default: 'sqlite' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      faults: { type: 'string', default: 'on' },
    },
  });
  const { storage, faults } = values;
  const operations = Number(values.operations);
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(operations) || operations < 1) {
    throw new TypeError('--operations must be an integer, at least 1');
  }
  if (!Number.isSafeInteger(seed)) throw new TypeError('--seed must be an integer');
  if (storage !== 'sqlite' && storage !== 'postgres' && storage !== 'mysql') {
    throw new TypeError('--storage must be sqlite, postgres or mysql');
  }
  if (faults !== 'on' && faults !== 'off') throw new TypeError('--faults must be on or off');
  return { operations, storage, seed, faults: faults === 'on' };
}

function show(title: string, counts: Readonly<Record<string, number>>): void {
  const list = Object.entries(counts).map(([name, count]) => `${name}: ${count}`);
  console.log(`${title}: ${list.join(', ') || 'none'}`);
}

function print(report: Report, { storage, seed, operations, faults }: SoakOptions): void {
  console.log(`operations: ${report.operations}`);
  show('responses', report.responses);
  console.log(`events: ${report.events}`);
  show('faults', report.faults);
  console.log(`anomalies: ${report.anomalies.length}`);
  for (const { kind, roomId, message } of report.anomalies.slice(0, MAX_ANOMALIES_SHOWN)) {
    console.log(`  ${kind} ${roomId}: ${message}`);
  }
  console.log(`duration: ${(report.durationMs / 1_000).toFixed(1)} s`);
  console.log(
    `To repeat the same operations, with the same faults at other times: npm run soak -- --operations ${operations} --storage ${storage} --seed ${seed} --faults ${faults ? 'on' : 'off'}`,
  );
}

const options = optionsOf(process.argv.slice(2));
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
const report = await soak({
  ...options,
  signal: interrupted.signal,
  onProgress: ({ operations, anomalies, durationMs }) =>
    console.log(
      `${operations} operations, ${anomalies.length} anomalies, ${Math.round(durationMs / 1_000)} s`,
    ),
});
print(report, options);
if (report.anomalies.length > 0) process.exitCode = 1;
