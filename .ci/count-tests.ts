// Reads vitest's JSON reports and prints `passed failed`, of the first one and, where there is one, of the second run of the
// files that failed in it. What failed, was skipped, or passed at the second go only is named on standard error.
//   node count-tests.ts FIRST EXIT-CODE [SECOND EXIT-CODE]
//   node count-tests.ts --failed FIRST      prints the files worth a second run, a line each
// A skipped test counts as failed, since .ci/run installs what the suites need; unless it needs what no package gives,
// which its title then says: "(skipped: needs the right to mount)".
import { readFileSync } from 'node:fs';

type Test = { readonly fullName: string; readonly status: string };
type File = { readonly name: string; readonly status: string; readonly assertionResults: readonly Test[] };

// More than these are no accident.
const mostFilesToRunAgain = 4;

if (process.argv[2] === '--failed') {
  const failed = readFiles(process.argv[3] ?? '').filter(file => file.status === 'failed');
  if (failed.length <= mostFilesToRunAgain) for (const file of failed) console.log(file.name);
} else {
  count(process.argv.slice(2));
}

function count([first = '', firstCode = '1', second, secondCode = '1']: readonly string[]): void {
  const again = second === undefined ? [] : readFiles(second);
  const before = readFiles(first);
  const files = before.map(file => again.find(later => later.name === file.name) ?? file);
  const tests = files.flatMap(file => file.assertionResults);
  const passed = tests.filter(test => test.status === 'passed');
  const skipped = tests.filter(test => test.status !== 'passed' && test.status !== 'failed');
  const excused = skipped.filter(test => test.fullName.includes('(skipped: needs '));
  const failures = [
    ...failuresOf(files),
    ...skipped.filter(test => !excused.includes(test)).map(test => `skipped: ${test.fullName}`),
  ];
  // Errors between the tests, or no report at all.
  const exitCode = again.length > 0 ? secondCode : firstCode;
  if (failures.length === 0 && (exitCode !== '0' || passed.length === 0)) {
    failures.push(`npm test ended with exit code ${exitCode}`);
  }
  for (const test of excused) console.error(`not run here: ${test.fullName}`);
  for (const failure of failuresOf(before).filter(failure => !failures.includes(failure))) {
    console.error(`only at the second go passed what ${failure}`);
  }
  for (const failure of failures) console.error(failure);
  console.log(`${passed.length} ${failures.length}`);
}

function failuresOf(files: readonly File[]): readonly string[] {
  return files
    .filter(file => file.status === 'failed')
    .flatMap(({ name, assertionResults }) => {
      const failed = assertionResults.filter(test => test.status === 'failed');
      // Without a failed test, the file could not be loaded, or its set-up failed.
      return failed.length === 0 ? [`failed: ${name}`] : failed.map(test => `failed: ${test.fullName} (${name})`);
    });
}

function readFiles(report: string): readonly File[] {
  try {
    return JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    return [];
  }
}
