// Prints the numbers of passed, failed and skipped tests in a JSON report of Vitest:
// count-tests.mjs <report> <exit code of Vitest>
import { readFileSync } from 'node:fs';

const [path, exitCode] = process.argv.slice(2);
const files = JSON.parse(readFileSync(path, 'utf8')).testResults;
const cases = files.flatMap((file) => file.assertionResults);
const passed = cases.filter((test) => test.status === 'passed').length;
const failedCases = cases.filter((test) => test.status === 'failed').length;
// A file that fails to load, or whose hooks fail, may have no failed test case.
const failedFiles = files.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
).length;
const failed = failedCases + failedFiles;
// Errors outside of tests, and runs without tests, are visible only in the exit code.
const otherFailure = failed === 0 && (exitCode !== '0' || passed === 0) ? 1 : 0;
console.log(passed, failed + otherFailure, cases.length - passed - failedCases);
