import { runSuite } from './vitest-report.js'

// Prints how the tests went; the last line is for machines. With TEASEL_REQUIRE set a skipped test is a failure: the
// machine was to have whatever it needs.
const { tests, broken, output } = runSuite()
const count = (status: string): number => tests.filter((test) => test.status === status).length
const strict = process.env['TEASEL_REQUIRE'] !== undefined
const skipped = count('skipped')
const failed = count('failed') + broken.length + (strict ? skipped : 0)
if (failed > 0) console.log(output)
for (const { name, status } of tests)
  if (status === 'failed' || (strict && status === 'skipped')) console.log(`${status}: ${name}`)
for (const file of broken) console.log(`broken: ${file}`)
console.log(`${count('passed')} passed, ${failed} failed${!strict && skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed === 0 ? 0 : 1
