import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { EXCLUDED } from '../support/channel/excluded.js'
import { ROOT, readOutcomes } from './vitest-report.js'

// Runs the suites of branches with every unstored branch behind a message channel, and prints how many tests passed and
// how many were left out. An exclusion that leaves out no test any more is a failure.

const REPORT = join(ROOT, '.cache/elsewhere.json')

rmSync(REPORT, { force: true })
const command = ['run', '--config', 'test/vitest.channel.config.ts', '--reporter=default']
const { stdout, stderr, status } = spawnSync(
  'node_modules/.bin/vitest',
  [...command, '--reporter=json', `--outputFile.json=${REPORT}`],
  {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
  },
)
if (status !== 0 || !existsSync(REPORT)) {
  console.log(`${stdout}${stderr}`)
  process.exitCode = 1
} else {
  const tests = readOutcomes(REPORT)
  const skipped = tests.filter((test) => test.status === 'skipped')
  const reasons = Object.entries(EXCLUDED).flatMap(([file, titles]) =>
    Object.entries(titles).map(([title, reason]) => ({ file, title, reason })),
  )
  const stale = reasons.filter(
    ({ file, title }) => !skipped.some(({ name }) => name.startsWith(file) && name.includes(` › ${title}`)),
  )
  for (const { file, title } of stale) console.log(`The exclusion of "${title}" in ${file} leaves out no test.`)
  const passed = tests.filter((test) => test.status === 'passed').length
  const kinds = new Set(reasons.map(({ reason }) => reason)).size
  console.log(`${passed} passed, ${skipped.length} excluded for ${kinds} reasons.`)
  process.exitCode = stale.length === 0 ? 0 : 1
}
