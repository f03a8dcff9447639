import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The result of one test. */
export interface TestOutcome {
  /** `test/semantics/runs.test.ts › a failure › rejects …` */
  readonly name: string
  readonly title: string
  readonly status: 'passed' | 'failed' | 'skipped'
}

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[]
      readonly title: string
      readonly status: string
    }[]
  }[]
}

/** The results of a run of the tests. */
export interface SuiteOutcome {
  readonly tests: readonly TestOutcome[]
  /** Files that failed to load. */
  readonly broken: readonly string[]
  readonly output: string
}

/** The report of a run of the whole suite. */
export const LAST_REPORT = join(ROOT, '.cache/tests.json')

/** Runs the whole suite, and writes {@link LAST_REPORT}. */
export const suiteCommand: readonly string[] = [
  'node_modules/.bin/vitest',
  'run',
  '--config',
  'test/vitest.config.ts',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${LAST_REPORT}`,
]

/** The results of the tests: of the last run, with `--last`, or of a run of its own. */
export function suiteOutcome(args: readonly string[]): SuiteOutcome {
  const output = args.includes('--last') ? '' : runSuite()
  if (!existsSync(LAST_REPORT)) return { tests: [], broken: ['the tests left no report'], output }
  return { ...readReport(JSON.parse(readFileSync(LAST_REPORT, 'utf8')) as Report), output }
}

/** How the tests of a report went. */
export function readOutcomes(file: string): readonly TestOutcome[] {
  return readReport(JSON.parse(readFileSync(file, 'utf8')) as Report).tests
}

function runSuite(): string {
  const [program = '', ...args] = suiteCommand
  rmSync(LAST_REPORT, { force: true })
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined }
  const { stdout, stderr } = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8', env })
  return `${stdout}${stderr}`
}

function readReport({ testResults }: Report): Omit<SuiteOutcome, 'output'> {
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title, status }) => {
      const full = [...ancestorTitles, title].join(' › ')
      return { name: `${relative(ROOT, name)} › ${full}`, title: full, status: statusOf(status) }
    }),
  )
  const broken = testResults
    .filter(
      ({ status, assertionResults }) => status === 'failed' && assertionResults.every((one) => one.status !== 'failed'),
    )
    .map(({ name, message }) => `${relative(ROOT, name)}: ${message ?? ''}`)
  return { tests, broken }
}

function statusOf(status: string): TestOutcome['status'] {
  return status === 'passed' || status === 'failed' ? status : 'skipped'
}
