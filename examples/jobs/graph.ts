import { defineState } from 'teasel'

interface Job {
  parts: string[]
  part: string
  done: string
  report: string
}
/** Does one part of a job; ends early when the signal fires. */
export type Work = (part: string, signal: AbortSignal) => Promise<string>

/** A job: each part in a branch of its own. */
export function jobGraph(work: Work) {
  const kit = defineState<Job>()
  const one = kit.action({
    reads: ['part'],
    writes: ['done'],
    retry: 3,
    run: async ({ state, signal }) => ({ done: await work(state.part, signal) }),
  })
  const all = kit.mapStates({
    reads: ['parts'],
    writes: ['report'],
    action: one,
    states: ({ state }) => Object.fromEntries(state.parts.map((part) => [part, { part }])),
    reduce: ({ results }) => ({ report: results.map(({ state }) => state.done).join(' ') }),
  })
  return kit.graph({ actions: { all } })
}
