import { styleText } from 'node:util'
import { MAX_LINES_OF_ONE_IDEA } from './architecture.js'
import { type CodeFigures, countLines, measureCode } from './code-figures.js'
import { type PublicApi, readPublicApi } from './public-api.js'
import { readTree } from './source-tree.js'
import { ROOT } from './vitest-report.js'

/** The figures of Teasel: of the code, of the public API, and of the tests. */
export interface Figures extends CodeFigures {
  readonly exportedAny: number
  /** In per cent of the public names. */
  readonly documented: number
  /** Lines of tests for a line of code, without tools and benches. */
  readonly testToCode: number
}

/** The limits of the figures; the gate fails beyond. */
export const LIMITS: readonly {
  readonly figure: keyof Figures
  readonly holds: (value: number) => boolean
  readonly limit: string
}[] = [
  { figure: 'medianFile', holds: (value) => value <= 150, limit: 'at most 150 lines' },
  {
    figure: 'maxFile',
    holds: (value) => value <= MAX_LINES_OF_ONE_IDEA,
    limit: `at most ${MAX_LINES_OF_ONE_IDEA} lines`,
  },
  { figure: 'functionP95', holds: (value) => value <= 40, limit: 'at most 40 lines' },
  { figure: 'exportedAny', holds: (value) => value === 0, limit: 'none' },
  { figure: 'documented', holds: (value) => value === 100, limit: '100 %' },
  { figure: 'cycles', holds: (value) => value === 0, limit: 'none' },
]

/** Puts the figures together. */
export function figuresOf(code: CodeFigures, { names, anys }: PublicApi, testLines: number): Figures {
  const documented = names.filter((one) => one.documented).length
  return {
    ...code,
    exportedAny: anys.length,
    // Rounded down: 100 means all of them.
    documented: Math.floor((documented / names.length) * 1000) / 10,
    testToCode: Math.round((testLines / code.lines) * 10) / 10,
  }
}

/** The figures beyond their limit, in words. */
export function breaches(figures: Figures): string[] {
  return LIMITS.filter(({ figure, holds }) => !holds(figures[figure])).map(
    ({ figure, limit }) => `${figure} is ${figures[figure]}: ${limit}`,
  )
}

/** Two lines of headings, so that the table fits 80 columns. */
const HEADINGS = [
  ['', 'files', 'lines', 'lengths', 'any', 'casts', 'any', 'docs', 'cycles', 'tests'],
  ['', '', 'med/max', 'p50/p95', 'kLOC', 'kLOC', 'out', '', '', '/code'],
] as const
/** Similar codebases, as measured at the start of this one; unmeasured figures are omitted. */
const MODELS: readonly (readonly string[])[] = [
  ['restate-sdk-gen', '24', '126/792', '7/38', '23', '', '', '49%', '0', '3.2'],
  ['effection', '30', '43/314', '8/40', '2.5', '', '', '71%', '0', '1.5'],
  ['deno std/async', '22', '156/809', '8/53', '0.7', '', '', '93%', '0', '2.7'],
  ['xstate core', '60', '130/2797', '12/84', '32', '', '', '18%', '2', '3.3'],
  ['@xstate/store', '13', '311/1057', '10/87', '37', '', '', '25%', '0', '1.3'],
  ['nanostores', '26', '37/160', '', '', '', '', '', '0', '3.0'],
  ['Burr (Python)', '67', '93/2796', '', '', '', '', '', '', '0.6'],
]

/** The figures of Teasel beside those of the models. */
export function table(figures: Figures): string {
  const ours = [
    'teasel',
    `${figures.files}`,
    `${figures.medianFile}/${figures.maxFile}`,
    `${figures.functionP50}/${figures.functionP95}`,
    `${figures.anyPerKloc}`,
    `${figures.castsPerKloc}`,
    `${figures.exportedAny}`,
    `${figures.documented}%`,
    `${figures.cycles}`,
    `${figures.testToCode}`,
  ]
  const rows = [...HEADINGS, ...MODELS, ours]
  const widths = ours.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
    .map((row) => widths.map((width, column) => (row[column] ?? '').padEnd(width)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n')
}

function print(figures: Figures, { anys, names }: PublicApi): void {
  const paint = process.stdout.isTTY && process.env['NO_COLOR'] === undefined
  const red = (text: string): string => (paint ? styleText('red', text) : text)
  console.log(table(figures))
  console.log(`
Lines of files have their comments with them. Lengths are those of functions
with a name, in lines; one given as an argument counts in the one around it.
Casts are \`as X\` and \`x!\`. "any out": what reaches users. "docs": exports that
have a comment. Tools and benches are not among the tests.
`)
  for (const one of anys) console.log(red(`any reaches users: ${one}`))
  for (const one of names) if (!one.documented) console.log(red(`not documented: ${one.name} of ${one.entry}`))
  for (const one of breaches(figures)) console.log(red(`beyond its limit: ${one}`))
  if (breaches(figures).length === 0) console.log('All figures are within their limits.')
}

if (process.argv[1]?.endsWith('/figures.ts') === true) {
  const tests = readTree(ROOT, 'test').filter(({ path }) => !/^test\/(tools|bench)\//.test(path))
  const testLines = tests.reduce((sum, { text }) => sum + countLines(text), 0)
  const api = readPublicApi()
  const figures = figuresOf(measureCode(readTree(ROOT, 'src')), api, testLines)
  if (process.argv.includes('--json')) console.log(JSON.stringify({ figures, beyond: breaches(figures) }))
  else print(figures, api)
  process.exitCode = breaches(figures).length === 0 ? 0 : 1
}
