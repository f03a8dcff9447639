import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './vitest-report.js'

/** The figures of `vitest --coverage`. */
const COVERAGE_FOLDER = '.cache/coverage'

type Summary = Readonly<Record<string, Readonly<Record<'lines' | 'branches', { readonly pct: number }>>>>

const { total, ...files } = JSON.parse(
  readFileSync(join(ROOT, COVERAGE_FOLDER, 'coverage-summary.json'), 'utf8'),
) as Summary
const leastCovered = Object.entries(files)
  .sort(([, a], [, b]) => a.branches.pct - b.branches.pct)
  .slice(0, 3)
  .map(([file, { branches }]) => `${file.slice(file.indexOf('src/'))} ${branches.pct} %`)
console.log(
  `src/: ${total?.lines.pct} % of lines, ${total?.branches.pct} % of branches; fewest branches: ${leastCovered.join(', ')}.`,
)
