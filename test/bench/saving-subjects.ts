import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { openDatabase } from '../../src/adapters/sqlite/open-database.js'

// The cost of storing, as a user would write it, and of one bare prepared insert a row on the same machine.

const folder = mkdtempSync(join(tmpdir(), 'teasel-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
let files = 0
export const newFile = (): string => join(folder, `${files++}.db`)

interface Doc {
  n: number
  stop: number
  doc: string
  items: string[]
  sum: number
}
const kit = defineState<Doc>()
const loop = (
  write: (n: number, items: readonly string[]) => Partial<Pick<Doc, 'doc' | 'items'>>,
  key: 'doc' | 'items',
) =>
  kit.graph({
    actions: {
      add: kit.action({
        reads: ['n', 'items'],
        writes: ['n', key],
        run: ({ state: { n, items } }) => ({ n: n + 1, ...(write(n, items) as { doc: string; items: string[] }) }),
      }),
    },
    transitions: { add: [{ to: 'add', when: ({ state }) => state.n < state.stop }] },
  })
const rewriting = loop((n) => ({ doc: `${n}`.padEnd(2000, 'x') }), 'doc')
const growing = loop((n, items) => ({ items: [...items, `${n}`.padEnd(500, 'x')] }), 'items')

async function run(graph: typeof rewriting, stop: number): Promise<string> {
  const file = newFile()
  await using persister = sqlitePersister({ file })
  const state = { n: 0, stop, items: [] }
  await createApplication(graph, { appId: 'app', entrypoint: 'add', state, persister }).run()
  return file
}

/** `count` steps that write 2 kB each. */
export const rewritten = (count: number): Promise<string> => run(rewriting, count)
/** `count` steps, each of which adds 500 bytes to a list. */
export const grown = (count: number): Promise<string> => run(growing, count)

interface Chat {
  messages: { readonly text: string; readonly at: Date }[]
  count: number
  text: string
  size: number
}
const chat = defineState<Chat>()
const say = chat.action({
  reads: ['messages', 'count'],
  writes: ['messages', 'count'],
  run: ({ state: { messages, count } }) => ({
    messages: [...messages, { text: `${count}`.padEnd(500, 'x'), at: new Date(count) }],
    count: count - 1,
  }),
})

/** A chat of `count` messages of 500 bytes, each with its time. */
export async function dated(count: number): Promise<string> {
  const file = newFile()
  await using persister = sqlitePersister({ file })
  const graph = chat.graph({
    actions: { say },
    transitions: { say: [{ to: 'say', when: ({ state }) => state.count > 0 }] },
  })
  const state = { messages: [], count }
  await createApplication(graph, { appId: 'app', entrypoint: 'say', state, persister }).run()
  return file
}

/** `count` branches that read a text of the given size. */
export async function overText(count: number, bytes: number): Promise<string> {
  const file = newFile()
  await using persister = sqlitePersister({ file })
  const measure = chat.action({
    reads: ['text'],
    writes: ['size'],
    run: ({ state: { text } }) => ({ size: text.length }),
  })
  const each = chat.mapStates({
    reads: ['text'],
    writes: ['size'],
    action: measure,
    states: Array.from({ length: count }, () => ({})),
    reduce: ({ results }) => ({ size: results.reduce((sum, { state }) => sum + state.size, 0) }),
  })
  const state = { text: 'x'.repeat(bytes) }
  await createApplication(chat.graph({ actions: { each } }), {
    appId: 'app',
    entrypoint: 'each',
    state,
    persister,
  }).run()
  return file
}

const answered = defineMessage('answered', type<string>())

/** Rows of each branch after a number of looks at a job whose branches wait. */
export async function looked(branches: number, looks: number): Promise<number> {
  const file = newFile()
  await using persister = sqlitePersister({ file })
  const ask = chat.action({
    reads: [],
    writes: ['text'],
    run: async ({ context }) => ({ text: (await context.receiveOne(answered)).body }),
  })
  const each = chat.mapStates({
    reads: [],
    writes: ['size'],
    action: ask,
    states: Array.from({ length: branches }, () => ({})),
    reduce: ({ results }) => ({ size: results.length }),
  })
  const graph = chat.graph({ actions: { each } })
  for (let i = 0; i < looks; i++) {
    const app = await resumeOrCreate(graph, { appId: 'app', entrypoint: 'each', state: {}, persister })
    await app.run({ whenWaiting: 'return' })
    await app[Symbol.asyncDispose]()
  }
  const { database } = openDatabase(file)
  const counted = database
    .prepare(`select count(*) as rows from teasel_rows join teasel_apps on id = key >> 32 where app <> 'app'`)
    .get()
  database.close()
  return (counted as { readonly rows: number }).rows / branches
}

/** Megabytes of a file and its log. */
export function megabytes(file: string): number {
  const { database } = openDatabase(file)
  database.prepare('pragma wal_checkpoint(truncate)').get()
  database.close()
  return statSync(file).size / 2 ** 20
}

const step = kit.action({ reads: ['n'], writes: ['n'], run: async ({ state: { n } }) => ({ n: n + 1 }) })
let hold: Promise<void> | undefined
const held = kit.action({
  reads: ['n'],
  writes: ['n'],
  async run({ state: { n } }) {
    await hold
    return { n: n + 1 }
  },
})
const map = (count: number, concurrency: number, steps: 'three' | 'held') =>
  kit.graph({
    actions: {
      map: kit.mapStates({
        reads: [],
        writes: ['sum'],
        concurrency,
        action:
          steps === 'three'
            ? kit
                .graph({ actions: { a: step, b: step, c: step }, transitions: { a: 'b', b: 'c' } })
                .runnable({ entrypoint: 'a' })
            : kit.graph({ actions: { a: step, b: held }, transitions: { a: 'b' } }).runnable({ entrypoint: 'a' }),
        states: Array.from({ length: count }, (_, n) => ({ n })),
        reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.n, 0) }),
      }),
    },
  })

/** `count` branches of three steps. */
export async function fannedOut(count: number): Promise<void> {
  await using persister = sqlitePersister({ file: newFile() })
  const graph = map(count, 64, 'three')
  await createApplication(graph, { appId: 'app', entrypoint: 'map', state: {}, persister }).run()
}

/** Leaves `count` branches half done; returns a function that resumes them. */
export async function halfDone(count: number): Promise<() => Promise<number>> {
  const file = newFile()
  const graph = map(count, count, 'held')
  hold = new Promise(() => {})
  const first = sqlitePersister({ file })
  const nothing = (): void => {}
  const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
  const options = { appId: 'app', entrypoint: 'map', state: {}, persister: first, logger, graceMs: 0 } as const
  const app = createApplication(graph, options)
  let committed = 0
  const all = new Promise<void>((resolve) => {
    app.on('step.end', () => {
      committed += 1
      if (committed === count) resolve()
    })
  })
  void app.run().catch(() => {})
  await all
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => void setImmediate(resolve))
  hold = undefined
  return async () => {
    await using persister = sqlitePersister({ file })
    const resumed = await resumeOrCreate(graph, { appId: 'app', entrypoint: 'map', state: {}, persister })
    return (await resumed.run()).state.sum
  }
}

/** `count` prepared inserts of `bytes` bytes each, into a table by application and step. */
export function bareInserts(count: number, bytes: number): void {
  const { database } = openDatabase(newFile())
  database.prepare('pragma journal_mode = wal').get()
  database.exec('pragma synchronous = normal')
  database.exec(
    'create table steps (app text not null, seq integer not null, data text not null, primary key (app, seq))',
  )
  const insert = database.prepare('insert into steps values (?, ?, ?)')
  for (let i = 0; i < count; i++) insert.run('app', i, `${i}`.padEnd(bytes, 'x'))
  database.close()
}
