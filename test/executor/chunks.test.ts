import { createApplication, defineState, type Logger } from 'teasel'
import type { Executor } from 'teasel/executor'
import { expect, it } from 'vitest'
import { rogue } from '../support/channel/rogue.js'

// Chunks of branches elsewhere: those of a turn cross in one frame.

const kit = defineState<{ n: number; ends: readonly string[] }>()

interface Seen {
  readonly chunks: unknown[]
  readonly order: string[]
  readonly faults: string[]
  readonly texts: string[]
  readonly ends: readonly string[]
}

/** Runs one branch whose action yields values, and collects what its owner sees. */
async function pour(
  values: () => AsyncGenerator<unknown, { n: number }>,
  { maxFrameBytes, seen }: { maxFrameBytes?: number; seen?: (chunk: unknown, cancel: () => void) => void } = {},
): Promise<Seen> {
  const [chunks, order, faults, texts]: [unknown[], string[], string[], string[]] = [[], [], [], []]
  const up = (text: string): readonly string[] => {
    texts.push(text)
    return [text]
  }
  const executor: Executor = rogue({ up, ...(maxFrameBytes !== undefined && { maxFrameBytes }) })
  const action = kit.action({ reads: [], writes: ['n'], run: values })
  const map = kit.mapActions({
    ...{ reads: [], writes: ['ends'], settle: 'collect', actions: { a: action } },
    reduce: ({ results }) => ({ ends: results.map(({ status }) => status) }),
  })
  const logger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
  const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, executor, logger })
  app.on('fault', ({ where }) => void faults.push(where))
  app.on('step.end', ({ path }) => void (path.length === 1 && order.push('end')))
  app.on('chunk', ({ chunk }) => {
    chunks.push(chunk)
    order.push('chunk')
    seen?.(chunk, () => void app.cancel({ path: 'map/a', reason: 'enough' }))
  })
  const { ends } = (await app.run()).state
  return { chunks, order, faults, texts, ends }
}

const framesOf = ({ texts }: Seen): readonly string[] => texts.filter((text) => text.startsWith('{"type":"chunk"'))
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

it('chunks of a turn cross together, in order, and before what follows them', async () => {
  const seen = await pour(async function* () {
    for (const n of numbers(200)) yield n
    return { n: 1 }
  })

  expect(seen.chunks).toEqual(numbers(200))
  expect(seen.order).toEqual([...numbers(200).map(() => 'chunk'), 'end'])
  expect(framesOf(seen).length).toBeLessThan(20)
})

it('a chunk crosses as it was when it was produced', async () => {
  const { chunks } = await pour(async function* () {
    const one = { n: 1 }
    yield one
    one.n = 2
    yield one
    return { n: 1 }
  })

  expect(chunks).toEqual([{ n: 1 }, { n: 2 }])
})

it('a chunk with large bytes has a frame of its own, in its order', async () => {
  const large = new Uint8Array(5_000).fill(7)
  const seen = await pour(async function* () {
    for (const n of numbers(9)) yield n % 3 === 2 ? large : n
    return { n: 1 }
  })

  expect(seen.chunks).toEqual(numbers(9).map((n) => (n % 3 === 2 ? large : n)))
  expect(framesOf(seen).map((text) => text.replace(/.*"chunks":/, ''))).toEqual([
    ...['[0]}', '[1]}', '[{"$":"bytes","n":"Uint8Array","i":0}]}'],
    ...['[3,4]}', '[{"$":"bytes","n":"Uint8Array","i":0}]}', '[6,7]}', '[{"$":"bytes","n":"Uint8Array","i":0}]}'],
  ])
})

it('a chunk that is no data is left out alone, with a fault', async () => {
  const { chunks, faults, ends } = await pour(async function* () {
    yield 1
    yield () => {}
    yield undefined
    yield 2
    return { n: 1 }
  })

  expect([chunks, faults, ends]).toEqual([[1, undefined, 2], ['chunk of "map/a"'], ['done']])
})

it('chunks that are too large for one frame cross in several, and one that is too large alone is left out', async () => {
  const part = 'ä'.repeat(400)
  const seen = await pour(
    async function* () {
      for (const n of numbers(10)) yield `${n}${part}`
      yield part.repeat(10)
      yield 'last'
      return { n: 1 }
    },
    { maxFrameBytes: 4_000 },
  )

  expect(seen.chunks).toEqual([...numbers(10).map((n) => `${n}${part}`), 'last'])
  expect([seen.faults, seen.ends]).toEqual([['chunk of "map/a"'], ['done']])
  for (const text of seen.texts) expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(4_000)
})

it('a listener that cancels the branch gets none of the chunks that came with the one it saw', async () => {
  const seen = await pour(
    async function* () {
      for (const n of numbers(100)) yield n
      return { n: 1 }
    },
    { seen: (chunk, cancel) => void (chunk === 3 && cancel()) },
  )

  expect(framesOf(seen)[1]).toContain('3,4,5')
  expect([seen.chunks, seen.ends]).toEqual([[0, 1, 2, 3], ['cancelled']])
})
