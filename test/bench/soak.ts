import { spawnSync } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { setImmediate as macrotask } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createApplication, defineMessage, defineState, type } from 'teasel'
import { median } from './measure.js'

// A search for leaks: many maps with streams, cancels, messages and retries, for a given time.

const usage = `Usage: npm run soak [-- --seconds N] [--json]

Runs maps for two minutes (or N seconds), and measures the heap after a collection. Fails when its last quarter is more
than 2 % above the second one, or when a signal that outlived 1 000 runs has listeners left.`
const MOST_GROWTH = 1.02
const SAMPLES = 40

const kit = defineState<{ n: number; sum: number }>()
const hint = defineMessage('hint', type<number>())
const work = kit.action({
  reads: ['n'],
  writes: ['n'],
  retry: { attempts: 3, delayMs: 1 },
  async *run({ state, context, signal }) {
    for (let i = 0; i < 4; i++) {
      await macrotask()
      signal.throwIfAborted()
      yield i
    }
    if (state.n % 7 === 0 && context.attempt === 1) throw new RangeError('not at once')
    context.broadcast(hint(state.n))
    return { n: state.n + 1 }
  },
})
const fan = kit.mapStates({
  reads: [],
  writes: ['sum'],
  action: work,
  settle: 'collect',
  states: Array.from({ length: 12 }, (_, n) => ({ n })),
  watch({ event, cancel }) {
    if (event.type === 'branch.settled' && event.key === '3') cancel(['10', '11'], 'enough')
  },
  reduce: ({ results }) => ({ sum: results.filter(({ status }) => status === 'done').length }),
})
const graph = kit.graph({ actions: { fan }, transitions: { fan: [{ to: 'fan', when: () => true }] } })
const quick = kit.graph({ actions: { add: kit.action({ reads: [], writes: ['n'], run: () => ({ n: 1 }) }) } })

/** One application: a run that is read, one that is left in the middle, one that is cancelled. */
async function round(signal: AbortSignal): Promise<void> {
  await using app = createApplication(graph, { entrypoint: 'fan', state: {} })
  const further = app.events({ buffer: 8, signal })
  for await (const _ of app.stream({ haltAfter: 'fan', signal }));
  for await (const event of app.stream({ signal })) if (event.type === 'branch.settled') break
  const run = app.run({ signal })
  await macrotask()
  await app.cancel({ path: 'fan#2/5', reason: 'one' })
  await app.cancel({ reason: 'all' })
  await run
  await further.next()
  await further.return()
}

async function soak(seconds: number, json: boolean): Promise<boolean> {
  const { signal } = new AbortController()
  const heap: number[] = []
  const start = performance.now()
  for (let rounds = 0; heap.length < SAMPLES; rounds++) {
    await round(signal)
    if ((performance.now() - start) / 1000 < ((heap.length + 1) * seconds) / SAMPLES) continue
    await macrotask()
    globalThis.gc?.()
    globalThis.gc?.()
    heap.push(process.memoryUsage().heapUsed)
    if (!json && heap.length % (SAMPLES / 4) === 0)
      console.log(`${heap.length / (SAMPLES / 4)}/4  ${rounds} rounds  ${((heap.at(-1) ?? 0) / 2 ** 20).toFixed(2)} MB`)
  }
  for (let i = 0; i < 1000; i++) await createApplication(quick, { entrypoint: 'add', state: {} }).run({ signal })
  const left = getEventListeners(signal, 'abort').length
  const quarter = SAMPLES / 4
  const growth = median(heap.slice(3 * quarter)) / median(heap.slice(quarter, 2 * quarter))
  const steady = growth <= MOST_GROWTH
  if (json) {
    console.log(JSON.stringify({ growth, mostGrowth: MOST_GROWTH, listenersLeft: left }))
    return steady && left === 0
  }
  console.log(
    `${steady ? 'ok    ' : 'FAILED'} heap: the last quarter is ${((growth - 1) * 100).toFixed(2)} % above the second`,
  )
  console.log(`${left === 0 ? 'ok    ' : 'FAILED'} ${left} listeners are left on a signal that outlived all runs`)
  return steady && left === 0
}

const args = process.argv.slice(2)
const at = args.indexOf('--seconds')
const seconds = at < 0 ? 120 : Number(args[at + 1])
if (args.includes('--help') || !(seconds > 0)) {
  console.error(usage)
  process.exitCode = args.includes('--help') ? 0 : 2
} else if (globalThis.gc === undefined) {
  const self = fileURLToPath(import.meta.url)
  const { status } = spawnSync(process.execPath, ['--expose-gc', '--import', 'tsx', self, ...args], {
    stdio: 'inherit',
  })
  process.exitCode = status ?? 1
} else process.exitCode = (await soak(seconds, args.includes('--json'))) ? 0 : 1
