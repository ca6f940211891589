// Reads vitest's JSON report and prints `passed failed`. A skipped test counts as failed, since .ci/run installs what the
// suites need; unless it needs what no package gives, which its title then says: "(skipped: needs the right to mount)".
// What failed or was skipped is named on standard error.
import { readFileSync } from 'node:fs';

type Test = { readonly fullName: string; readonly status: string };
type File = { readonly name: string; readonly status: string; readonly assertionResults: readonly Test[] };

const [path = '', exitCode = '1'] = process.argv.slice(2);
const files = readFiles(path);
const tests = files.flatMap(file => file.assertionResults);
const passed = tests.filter(test => test.status === 'passed');
const skipped = tests.filter(test => test.status !== 'passed' && test.status !== 'failed');
const excused = skipped.filter(test => test.fullName.includes('(skipped: needs '));
const failures = [
  ...tests.filter(test => test.status === 'failed').map(test => `failed: ${test.fullName}`),
  ...skipped.filter(test => !excused.includes(test)).map(test => `skipped: ${test.fullName}`),
  // A file that could not be loaded, or whose set-up failed.
  ...files
    .filter(file => file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed'))
    .map(file => `failed: ${file.name}`),
];
// Errors between the tests, or no report at all.
if (failures.length === 0 && (exitCode !== '0' || passed.length === 0)) {
  failures.push(`npm test ended with exit code ${exitCode}`);
}
for (const test of excused) console.error(`not run here: ${test.fullName}`);
for (const failure of failures) console.error(failure);
console.log(`${passed.length} ${failures.length}`);

function readFiles(report: string): readonly File[] {
  try {
    return JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    return [];
  }
}
