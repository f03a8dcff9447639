// The main job: a question is put to 233 State of the Union addresses.
//
// A plan derives ways to ask; every retriever runs on every one of them, in branches of their own; their rankings are
// fused; a graph reads each candidate; the best quotations are the answer. What runs is shown while it runs.
//
// The mistake to avoid: one retriever that fails must not spoil the answer of the others. `settle: 'collect'` hands
// failures to `reduce` as data (see research/graph.ts).

import { parseArgs } from 'node:util'
import type { Cluster } from './research/cluster.js'
import { wrap } from './research/wrap.js'

const DEFAULT = 'What did presidents say about the Panama Canal?'
const EXECUTORS = ['inline', 'threads', 'processes', 'bullmq'] as const
const USAGE = `Usage: npm start [-- "question"] [-- --json] [-- --executor threads]

Puts a question to the State of the Union addresses, 1790 to 2021. Default: "${DEFAULT}"

  --json       print one JSON document: question, answer, sources, branches
  --executor   where the branches run: ${EXECUTORS.join(', ')}. Default: inline, in this process
  --help       print this`

interface Asked {
  readonly question: string
  readonly json: boolean
  readonly executor: (typeof EXECUTORS)[number]
}

/** What was asked on the command line; ends the program where that is nothing. */
function readArguments(): Asked {
  try {
    const options = {
      json: { type: 'boolean' },
      executor: { type: 'string', default: 'inline' },
      help: { type: 'boolean', short: 'h' },
    } as const
    const { values, positionals } = parseArgs({ options, allowPositionals: true })
    if (values.help === true) {
      console.log(USAGE)
      process.exit(0)
    }
    const question = positionals.length === 0 ? DEFAULT : positionals.join(' ').trim()
    if (question === '') throw new RangeError('The question is empty.')
    const executor = EXECUTORS.find((name) => name === values.executor)
    if (executor === undefined)
      throw new RangeError(`There is no executor "${values.executor}". Known: ${EXECUTORS.join(', ')}.`)
    return { question, json: values.json === true, executor }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    process.exit(2)
  }
}

/** An executor, and the function that ends all that belongs to it. */
async function executorOf(where: Asked['executor']): Promise<Pick<Cluster, 'executor' | 'close'>> {
  if (where === 'bullmq') {
    const { startCluster } = await import('./research/cluster.js')
    const cluster = await startCluster()
    if (cluster !== undefined) return cluster
    console.error('No Redis answers. Start one with "docker run -p 6379:6379 redis", or name it in TEASEL_REDIS.')
    process.exit(1)
  }
  const executor =
    where === 'threads'
      ? (await import('teasel/executor/threads')).threads()
      : where === 'processes'
        ? (await import('teasel/executor/processes')).processes()
        : (await import('teasel/executor')).inProcess()
  return { executor, close: () => executor.close() }
}

const { question, json, executor: where } = readArguments()
const interrupt = new AbortController()
process.once('SIGINT', () => interrupt.abort(new Error('Interrupted.')))

// What takes long is loaded after the first line of progress is there.
console.error('Reading 233 addresses …')
const { createApplication, printPath } = await import('teasel')
const { researchGraph } = await import('./research/graph.js')
const { consoleReporter } = await import('teasel/reporter')
const { library, parts } = await import('./research/registry.js')
const { executor, close } = await executorOf(where)
const graph = researchGraph(library, parts)
const tracker = consoleReporter({ name: 'research' }) // to stderr: stdout is for the answer
const app = createApplication(graph, { entrypoint: 'plan', state: { question }, executor, tracker })

const branches: { readonly path: string; readonly status: string; readonly ms: number }[] = []
app.on('branch.settled', ({ path, status, durationMs }) =>
  branches.push({ path: printPath(path), status, ms: durationMs }),
)

try {
  const { state } = await app.run({ signal: interrupt.signal })
  for (const failure of state.failures) console.error(`A retriever failed, and the others answered: ${failure}`)
  if (json)
    console.log(JSON.stringify({ question, answer: state.answer, sources: state.sources ?? [], branches }, null, 2))
  else console.log(wrap(`\n${question}\n\n${state.answer}`, process.stdout.isTTY ? process.stdout.columns : Infinity))
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = interrupt.signal.aborted ? 130 : 1
} finally {
  await close()
}
