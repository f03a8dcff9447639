import { setTimeout } from 'node:timers/promises'
import { defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'

// Each thread imports this module, so it only declares.

export const kit = defineState<{ limit: number; steps: number; found: string; report: string[] }>()

/** Never returns, and never looks at its signal: no code in its thread can end it. */
export const search = kit.action({
  reads: ['limit'],
  writes: ['found'],
  run({ state }) {
    for (let n = 0; ; n++) if (n < 0) return { found: String(state.limit) }
  },
})

const look = kit.action({
  reads: ['steps'],
  writes: ['steps'],
  async run({ state, signal }) {
    await setTimeout(20, undefined, { signal })
    return { steps: state.steps + 1 }
  },
})

const tell = kit.action({
  reads: ['steps'],
  writes: ['found'],
  run: ({ state }) => ({ found: `after ${state.steps} steps` }),
})

/** Ten steps that are committed one by one. */
export const patient = kit
  .graph({
    actions: { look, tell },
    transitions: { look: [{ to: 'look', when: ({ state }) => state.steps < 10, name: 'not ten yet' }, { to: 'tell' }] },
  })
  .runnable({ entrypoint: 'look' })

export const registry = defineRegistry({ name: 'stuck', module: import.meta.url, graphs: { search, patient } })
