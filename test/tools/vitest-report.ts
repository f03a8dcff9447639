import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** One test as it went. */
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

/** What a run of the tests showed. */
export interface SuiteOutcome {
  readonly tests: readonly TestOutcome[]
  /** Files that could not even be loaded. */
  readonly broken: readonly string[]
  readonly output: string
}

/** Runs the whole suite in a process of its own. */
export function runSuite(): SuiteOutcome {
  const folder = mkdtempSync(join(tmpdir(), 'teasel-report-'))
  const file = join(folder, 'report.json')
  try {
    const args = [
      'vitest',
      'run',
      '--config',
      'test/vitest.config.ts',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
    ]
    const run = spawnSync('npx', args, {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
    })
    const output = `${run.stdout}${run.stderr}`
    return { ...readReport(JSON.parse(readFileSync(file, 'utf8')) as Report), output }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
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
