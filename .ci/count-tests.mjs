// Prints the numbers of passed, failed and skipped tests in a JSON report of Vitest, and then the full name of each that
// failed, a line each:
// count-tests.mjs <report> <exit code of Vitest>
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [path, exitCode] = process.argv.slice(2);
const files = JSON.parse(readFileSync(path, 'utf8')).testResults;
const cases = files.flatMap((file) => file.assertionResults);
const passed = cases.filter((test) => test.status === 'passed').length;
const failedCases = cases.filter((test) => test.status === 'failed').length;
const failures = files
  .filter((file) => file.status === 'failed' || file.assertionResults.some(isFailed))
  .flatMap((file) => {
    const name = relative(process.cwd(), file.name);
    const failed = file.assertionResults.filter(isFailed).map(({ fullName }) => `${name}: ${fullName}`);
    // A file that fails to load, or whose hooks fail, may have no failed test case.
    return failed.length > 0 ? failed : [name];
  });
// Errors outside of tests, and runs without tests, are visible only in the exit code.
if (failures.length === 0 && (exitCode !== '0' || passed === 0))
  failures.push('an error outside of the tests, or no tests');
console.log(passed, failures.length, cases.length - passed - failedCases);
for (const failure of failures.sort()) console.log(failure.replaceAll(/\s+/g, ' '));

function isFailed(test) {
  return test.status === 'failed';
}
