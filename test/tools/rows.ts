import { rows } from '../source-document/rows.js'
import { suiteOutcome, type TestOutcome } from './vitest-report.js'

/** A row with the passing tests that name it. */
export interface ShownRow {
  readonly id: string
  readonly tests: readonly string[]
}

export interface RowReport {
  readonly shown: readonly ShownRow[]
  readonly missing: readonly string[]
  /** Tests that name more than two rows, or an unknown row. */
  readonly faults: readonly string[]
}

const MOST_ROWS = 2

/** Rows shown by passed tests. Skipped and todo tests do not count. */
export function reportRows(tests: readonly TestOutcome[]): RowReport {
  const byRow = new Map<string, string[]>(rows.map(({ id }) => [id, []]))
  const faults: string[] = []
  for (const { name, title, status } of tests) {
    const ids = [...new Set(title.match(/\bS-\d{3}\b/g) ?? [])]
    if (ids.length > MOST_ROWS) faults.push(`${name}: names ${ids.length} rows, at most ${MOST_ROWS} are allowed`)
    for (const id of ids) {
      if (!byRow.has(id)) faults.push(`${name}: there is no row ${id}`)
      if (status === 'passed' && ids.length <= MOST_ROWS) byRow.get(id)?.push(name)
    }
  }
  const all = [...byRow].map(([id, names]) => ({ id, tests: names }))
  return {
    shown: all.filter((row) => row.tests.length > 0),
    missing: all.filter((row) => row.tests.length === 0).map(({ id }) => id),
    faults,
  }
}

/** Breaks a text so that it fits 80 columns beside an indent. A longer word stays whole. */
export function wrapped(text: string, indent: number): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || indent + last.length + 1 + word.length > 80) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.join(`\n${' '.repeat(indent)}`)
}

function print({ shown, missing, faults }: RowReport): void {
  const testsOf = new Map(shown.map(({ id, tests }) => [id, tests]))
  for (const { id, kind, text, shows } of rows) {
    const tests = testsOf.get(id)
    const said = wrapped(`${text}${shows === undefined ? '' : ` (here: ${shows})`}`, 17)
    console.log(`${tests === undefined ? 'missing' : 'shown  '} ${id} ${kind}  ${said}`)
    for (const test of tests ?? []) console.log(`               · ${wrapped(test, 17)}`)
  }
  console.log(`\n${shown.length} of ${rows.length} rows are shown, ${missing.length} are missing.`)
  for (const fault of faults) console.log(`fault: ${fault}`)
}

if (process.argv[1]?.endsWith('rows.ts') === true) {
  const json = process.argv.includes('--json')
  if (!json && !process.argv.includes('--last')) console.error('Running the tests …')
  const { tests, broken, output } = suiteOutcome(process.argv)
  const report = reportRows(tests)
  if (json) console.log(JSON.stringify({ shown: report.shown, missing: report.missing }))
  else print(report)
  const failed = tests.filter(({ status }) => status === 'failed')
  if (failed.length + broken.length > 0)
    console.error(`${failed.length} tests failed, ${broken.length} files are broken.\n${output}`)
  process.exitCode = failed.length + broken.length + report.faults.length > 0 ? 1 : 0
}
