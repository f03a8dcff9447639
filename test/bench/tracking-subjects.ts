import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open as openFile, readdir as readFolder } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApplication, defineState, type } from 'teasel'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { fileReader, fileTracker } from 'teasel/tracking/file'

// The cost of logs: beside a store, while chunks stream, and when they are read.

const folder = mkdtempSync(join(tmpdir(), 'teasel-track-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
let count = 0
const newPlace = (): string => join(folder, `${count++}`)

interface Doc {
  n: number
  stop: number
  doc: string
}
const kit = defineState<Doc>()
const loop = (size: number) =>
  kit.graph({
    actions: {
      add: kit.action({
        reads: ['n'],
        writes: ['n', 'doc'],
        run: ({ state: { n } }) => ({ n: n + 1, doc: `${n}`.padEnd(size, 'x') }),
      }),
    },
    transitions: { add: [{ to: 'add', when: ({ state }) => state.n < state.stop }] },
  })
const [large, small] = [loop(2000), loop(20)]

/** Steps that write 2 kB each to a store, and to a log too. */
export async function savedSteps(stop: number, isTracked: boolean): Promise<void> {
  await using persister = sqlitePersister({ file: `${newPlace()}.db` })
  const state = { n: 0, stop }
  if (!isTracked)
    return void (await createApplication(large, { appId: 'app', entrypoint: 'add', state, persister }).run())
  await using tracker = fileTracker({ dir: newPlace() })
  await createApplication(large, { appId: 'app', entrypoint: 'add', state, persister, tracker }).run()
}

/** Steps that write 2 kB each to a log. @returns milliseconds */
export async function tracked(stop: number): Promise<number> {
  await using tracker = fileTracker({ dir: newPlace() })
  const app = createApplication(large, { appId: 'app', entrypoint: 'add', state: { n: 0, stop }, tracker })
  const start = performance.now()
  await app.run()
  return performance.now() - start
}

const pour = kit.action({
  reads: ['stop'],
  writes: ['doc'],
  inputs: { pauseMs: type<number>() },
  async *run({ state: { stop }, inputs: { pauseMs } }) {
    for (let i = 0; i < stop; i += 10) {
      for (let k = 0; k < 10; k++) yield 'a token '
      await new Promise((resolve) => (pauseMs > 0 ? setTimeout(resolve, pauseMs) : setImmediate(resolve)))
    }
    return { doc: 'done' }
  },
})

/** Chunks that somebody reads, with and without a tracker, which serves all runs: a thousand a second, or without pauses. */
export async function chunks() {
  const graph = kit.graph({ actions: { pour } })
  const tracker = fileTracker({ dir: newPlace() })
  const run = async (count: number, isTracked: boolean, pauseMs: number): Promise<void> => {
    const state = { n: 0, stop: count }
    const app = createApplication(graph, { entrypoint: 'pour', state, ...(isTracked && { tracker }) })
    let read = 0
    for await (const { type } of app.stream({ include: ['chunk'], inputs: { pauseMs } })) if (type === 'chunk') read++
    if (read !== count) throw new RangeError(`${read} of ${count} chunks were read.`)
  }
  return {
    // Ten each ten milliseconds.
    pour: (count: number, isTracked: boolean) => run(count, isTracked, 10),
    /**
     * Many runs as fast as they come, then many at once, each at its thousand chunks a second: one alone would take minutes
     * until its code is compiled, and lines that end by their time come with pauses only.
     */
    async warmUp(runs: number): Promise<void> {
      for (let i = 0; i < runs; i++) for (const isTracked of [true, false]) await run(100, isTracked, 0)
      for (const isTracked of [true, false, true, false])
        await Promise.all(Array.from({ length: 100 }, () => run(2_000, isTracked, 10)))
    },
    dispose: () => tracker.dispose(),
  }
}

/** Runs that an index lists. */
export async function listing(runs: number) {
  const dir = newPlace()
  const [logs, index] = [join(dir, 'default/runs'), join(dir, 'default/index')]
  mkdirSync(logs, { recursive: true })
  mkdirSync(index, { recursive: true })
  const lines = Array.from({ length: runs }, (_, i) => {
    const runId = `run-${i}`
    writeFileSync(join(logs, `${runId}.0.0.jsonl`), '')
    const about = { runId, partitionKey: null, title: `Refund of order ${i}`, labels: { customer: `${i % 100}` } }
    const times = { since: i, createdAt: i, startedAt: i, updatedAt: i, endedAt: i }
    const place = { position: 'refund', sequenceId: 7, epoch: 0, incarnation: 0, pending: 0, retrying: 0, leaked: 0 }
    return JSON.stringify({ run: { ...about, status: 'finished', ...times, ...place } })
  })
  writeFileSync(join(index, 'w.jsonl'), `${lines.join('\n')}\n`)
  const list = async (): Promise<void> => {
    const { items } = await fileReader({ dir }).list({ limit: 50 })
    if (items.length !== 50) throw new RangeError('The list is not whole.')
  }
  return { list, readdir: () => readFolder(logs) }
}

/** A long run: its summary and its last 200 steps, and a bare reading of their bytes. */
export async function longRun(steps: number) {
  const dir = newPlace()
  await using tracker = fileTracker({ dir })
  await createApplication(small, { appId: 'app', entrypoint: 'add', state: { n: 0, stop: steps }, tracker }).run()
  const path = join(dir, 'default/runs/app.0.0.jsonl')
  const { size } = statSync(path)
  const open = async (): Promise<void> => {
    const reader = fileReader({ dir })
    const [list, page] = [
      await reader.list({ text: 'app' }),
      await reader.steps({ runId: 'app', from: steps - 200, limit: 200 }),
    ]
    if (list.items.length !== 1 || page.items.length !== 200) throw new RangeError('The run is not whole.')
  }
  /** All bytes of the log, in pieces, without a look at them. */
  const read = async (): Promise<void> => {
    const file = await openFile(path, 'r')
    const piece = Buffer.allocUnsafe(1_048_576)
    for (let at = 0; at < size; at += piece.length) await file.read(piece, 0, piece.length, at)
    await file.close()
  }
  return { open, read }
}
