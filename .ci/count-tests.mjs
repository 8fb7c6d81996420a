// Prints "passed failed skipped" of Vitest's JSON report: count-tests.mjs <report> <exit code of Vitest>
import { readFileSync } from 'node:fs';

const [path, exitCode] = process.argv.slice(2);
const files = JSON.parse(readFileSync(path, 'utf8')).testResults;
const cases = files.flatMap((file) => file.assertionResults);
const passed = cases.filter((test) => test.status === 'passed').length;
const failedCases = cases.filter((test) => test.status === 'failed').length;
// A file that cannot be loaded, or whose hooks fail, has failed without a failed case.
const failedFiles = files.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
).length;
const failed = failedCases + failedFiles;
// Errors outside of any test, and runs without tests, show in the exit code only.
const otherFailure = failed === 0 && (exitCode !== '0' || passed === 0) ? 1 : 0;
console.log(passed, failed + otherFailure, cases.length - passed - failedCases);
