import { suiteOutcome } from './vitest-report.js'

// Prints the results of the tests; the last line is for machines. Other arguments name earlier failures: each counts as
// a failure. With TEASEL_REQUIRE set a skipped test is a failure: the machine has to provide everything.
const { tests, broken, output } = suiteOutcome(process.argv)
const before = process.argv.slice(2).filter((name) => !name.startsWith('--'))
const count = (status: string): number => tests.filter((test) => test.status === status).length
const strict = process.env['TEASEL_REQUIRE'] !== undefined
const skipped = count('skipped')
const failed = count('failed') + broken.length + before.length + (strict ? skipped : 0)
if (failed > 0) console.log(output)
for (const { name, status } of tests)
  if (status === 'failed' || (strict && status === 'skipped')) console.log(`${status}: ${name}`)
for (const file of broken) console.log(`broken: ${file}`)
for (const name of before) console.log(`failed: ${name}`)
console.log(`${count('passed')} passed, ${failed} failed${!strict && skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed === 0 ? 0 : 1
