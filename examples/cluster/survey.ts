import { setTimeout } from 'node:timers/promises'
import { defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'
import { addressOf } from '../addresses.js'
import { sentencesOf } from '../research/words.js'

// Which address has the longest sentences? One branch for each address, of two steps. Every worker imports this module, so
// it only declares.

const { WORKER = 'none', CALL_MS = '100' } = process.env

export const kit = defineState<{ years: number[]; year: number; sentences: string[]; mean: number; report: string[] }>()

const split = kit.action({
  reads: ['year'],
  writes: ['sentences'],
  async *run({ state }) {
    yield `${WORKER} splits`
    return { sentences: [...sentencesOf(addressOf(state.year).text)] }
  },
})

const measure = kit.action({
  reads: ['sentences'],
  writes: ['mean'],
  async *run({ state: { sentences }, signal }) {
    yield `${WORKER} measures`
    await setTimeout(Number(CALL_MS), undefined, { signal }) // stands for a call of a model
    const words = sentences.reduce((sum, sentence) => sum + sentence.split(/\s+/).length, 0)
    return { mean: Math.round(words / sentences.length) }
  },
})

/** One address. Its first step is committed before the second one begins. */
const address = kit
  .graph({ actions: { split, measure }, transitions: { split: 'measure' } })
  .runnable({ entrypoint: 'split' })

export const registry = defineRegistry({ name: 'survey', module: import.meta.url, graphs: { address } })

const survey = kit.mapStates({
  reads: ['years'],
  writes: ['report'],
  action: address,
  states: ({ state }) => Object.fromEntries(state.years.map((year) => [String(year), { year }])),
  reduce: ({ results }) => ({
    report: results
      .toSorted((a, b) => b.state.mean - a.state.mean)
      .map(({ state: { year, mean } }) => `${year}: ${mean} words a sentence`),
  }),
})

export const graph = kit.graph({ actions: { survey } })
