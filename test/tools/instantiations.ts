import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ACTIONS = 100
const GRAPH = 60
/** Type instantiations that one action may cost, its part in the graph and the application included. */
export const MOST_PER_ACTION = 1000

/** The work of the compiler for a generated program. */
export interface TypeCost {
  readonly actions: number
  readonly instantiations: number
  readonly perAction: number
  readonly errors: readonly string[]
}

/** Counts the type instantiations of 100 actions and a graph of 60 of them. */
export function measureTypes(): TypeCost {
  const folder = join(ROOT, 'node_modules/.cache/teasel-types')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    const empty = compile(
      folder,
      'empty',
      "import { defineState } from 'teasel'\nexport const kit = defineState<{ a: 1 }>()\n",
    )
    const full = compile(folder, 'full', program())
    const instantiations = full.count - empty.count
    return {
      actions: ACTIONS,
      instantiations,
      perAction: Math.round(instantiations / ACTIONS),
      errors: [...empty.errors, ...full.errors],
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function compile(
  folder: string,
  name: string,
  text: string,
): { readonly count: number; readonly errors: readonly string[] } {
  const file = join(folder, `${name}.ts`)
  writeFileSync(file, text)
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT)
  const made = ts.createProgram([file], { ...options, baseUrl: ROOT })
  const errors = [...made.getSemanticDiagnostics(), ...made.getSyntacticDiagnostics()].map(({ messageText }) =>
    ts.flattenDiagnosticMessageText(messageText, '\n'),
  )
  return { count: made.getInstantiationCount(), errors }
}

function program(): string {
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}: ${['string', 'number', 'boolean', 'string[]'][i % 4]}`)
  const value = (key: number): string => ["''", '0', 'true', "['']"][key % 4] ?? ''
  const lines = [
    "import { createApplication, defineState, type } from 'teasel'",
    `interface S { ${keys.join('; ')} }`,
    'const kit = defineState<S>()',
  ]
  for (let i = 0; i < ACTIONS; i++) {
    const [read, other, write] = [i % 40, (i * 7 + 1) % 40, (i * 3) % 40]
    const inputs = i % 5 === 0 ? `inputs: { i${i % 10}: type<string>({ default: '' }) }, ` : ''
    const reads = read === other ? `'k${read}'` : `'k${read}', 'k${other}${i % 4 === 0 ? '?' : ''}'`
    const run = i % 3 === 0 ? 'async run' : 'run'
    lines.push(
      `const a${i} = kit.action({ reads: [${reads}], writes: ['k${write}'], ${inputs}${run}({ state }) { void state.k${read}; return { k${write}: ${value(write)} } } })`,
    )
  }
  const names = Array.from({ length: GRAPH }, (_, i) => `a${i}`)
  const transitions = names.map((name, i) => {
    const to = `a${(i + 1) % GRAPH}`
    return i % 2 === 0
      ? `${name}: '${to}'`
      : `${name}: [{ to: 'a0', when: ({ state }) => state.k1 > 3 }, { to: '${to}' }]`
  })
  lines.push(
    `const graph = kit.graph({ actions: { ${names.join(', ')} }, transitions: { ${transitions.join(', ')} } })`,
  )
  lines.push("const app = createApplication(graph, { entrypoint: 'a0', state: {} as S })")
  lines.push("export const end = app.run({ haltAfter: 'a59' })")
  lines.push(`export const rest = [${Array.from({ length: ACTIONS - GRAPH }, (_, i) => `a${GRAPH + i}`).join(', ')}]`)
  return lines.join('\n')
}

if (process.argv[1]?.endsWith('instantiations.ts') === true) {
  const cost = measureTypes()
  console.log(
    `${cost.actions} actions, ${GRAPH} of them in a graph: ${cost.instantiations} instantiations, ${cost.perAction} an action (at most ${MOST_PER_ACTION}).`,
  )
  for (const error of cost.errors) console.log(error)
  process.exitCode = cost.errors.length > 0 || cost.perAction > MOST_PER_ACTION ? 1 : 0
}
