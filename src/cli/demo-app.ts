import { setTimeout } from 'node:timers/promises'
import { type } from '../action/inputs.js'
import { defineMessage } from '../action/message.js'
import { defineState } from '../define.js'
import { hosted } from '../host/hosted.js'
import { entry } from '../parallel/source.js'

// Owns: the application of `teasel demo`: it makes everything that a page shows, without a key and without a network.

interface Demo {
  topic: string
  pages: readonly number[]
  page: number
  raw: string
  words: number
  found: Readonly<Record<string, string>>
  draft: string
  drafts: number
  good: boolean
  publish: boolean
  result: string
}

const kit = defineState<Demo>()

/** A number from 0 to 1, the same in each run. */
const unit = (seed: number): number => ((Math.imul(seed + 1, 2_654_435_761) >>> 8) % 1000) / 1000

const plan = kit.action({
  reads: ['pages', 'topic'],
  writes: ['draft', 'drafts'],
  run: ({ state, context }) => {
    context.log(`${state.pages.length} pages about ${state.topic}`)
    return { draft: '', drafts: 0 }
  },
})

const load = kit.action({
  reads: ['page'],
  writes: ['raw'],
  retry: { attempts: 2, delayMs: 200 },
  async run({ state: { page }, context, signal }) {
    await setTimeout(150 + Math.round(unit(page) * 900), undefined, { signal })
    if (page % 17 === 3) throw new RangeError(`Page ${page} answers with the status 503.`)
    if (page % 11 === 5 && context.attempt === 1) throw new RangeError(`Page ${page} was cut off.`)
    if (page === 40) await setTimeout(3_600_000, undefined, { signal }) // it is cancelled
    return { raw: 'teasel comb wool thistle head '.repeat(3 + (page % 7)) }
  },
})

const count = kit.action({
  reads: ['raw'],
  writes: ['words'],
  async run({ state: { raw }, context, signal }) {
    const words = raw.split(' ').filter((word) => word !== '')
    for (const [done] of words.entries()) {
      await setTimeout(12, undefined, { signal })
      if (done % 5 === 0) context.progress({ done, total: words.length })
    }
    return { words: words.length }
  },
})

const page = kit.graph({ actions: { load, count }, transitions: { load: 'count' } }).runnable({ entrypoint: 'load' })

const read = kit.mapStates({
  reads: ['pages'],
  writes: ['found'],
  action: page,
  concurrency: 48,
  settle: 'collect',
  states: ({ state }) => state.pages.map((number) => entry({ page: number }, { key: `page-${number}` })),
  watch({ event, cancel }) {
    if (event.type === 'branch.settled' && event.key === 'page-60')
      cancel('page-40', { reason: 'Enough pages were read.' })
  },
  reduce: ({ results }) => ({
    found: Object.fromEntries(
      results.map((one) => [one.key, one.status === 'done' ? `${one.state.words} words` : one.status]),
    ),
  }),
})

const write = kit.action({
  reads: ['topic', 'found', 'drafts'],
  writes: ['draft', 'drafts'],
  async *run({ state, signal }) {
    const text = `${state.topic}: ${Object.values(state.found).filter((one) => one.endsWith('words')).length} pages were read. `
    for (const word of `Draft ${state.drafts + 1}. ${text.repeat(3)}`.match(/\S+\s*/g) ?? []) {
      await setTimeout(40, undefined, { signal })
      yield word
    }
    return { draft: text.repeat(state.drafts + 1), drafts: state.drafts + 1 }
  },
})

const review = kit.action({
  reads: ['drafts'],
  writes: ['good'],
  run: async ({ state, signal }) => {
    await setTimeout(500, undefined, { signal })
    return { good: state.drafts > 2 }
  },
})

const publish = defineMessage('publish', type<boolean>())

const ask = kit.action({
  reads: ['draft'],
  writes: ['publish'],
  run: async ({ context, state }) => ({
    publish: (await context.receiveOne(publish, { ask: `Is it to be published? ${state.draft}` })).body,
  }),
})

const finish = kit.action({
  reads: ['publish', 'draft'],
  writes: ['result'],
  run: ({ state }) => ({ result: state.publish ? state.draft : 'It was kept.' }),
})

const graph = kit.graph({
  actions: { plan, read, write, review, ask, finish },
  transitions: {
    plan: 'read',
    read: 'write',
    write: 'review',
    review: [{ to: 'write', when: { good: false } }, { to: 'ask' }],
    ask: 'finish',
  },
})

/** The application of the demo. */
export const demo = hosted(graph, { entrypoint: 'plan' })

/** The state of a run of it. @param pages how many branches it has */
export const demoState = (topic: string, pages: number): Pick<Demo, 'topic' | 'pages'> => ({
  topic,
  pages: Array.from({ length: pages }, (_, i) => i),
})
