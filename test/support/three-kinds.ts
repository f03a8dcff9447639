import { defineMessage, defineState, type } from 'teasel'

// Runs of three steps as jobs, for tests over engines and stores: some go on by themselves, some ask, some sleep.

/** The message that a run which asks waits for: the amount of its step. */
export const go = defineMessage('go', type<number>())
export const KINDS = ['plain', 'asks', 'sleeps'] as const
export const kindOf = (i: number): (typeof KINDS)[number] => KINDS[i % KINDS.length] ?? 'plain'

const kit = defineState<{ n: number; kind: (typeof KINDS)[number] }>()

/** Counts to three. @param first awaited by the first step of a run */
export function countingByKind(first?: (appId: string) => Promise<void> | undefined) {
  const step = kit.action({
    reads: ['n', 'kind'],
    writes: ['n'],
    run: async ({ state: { n, kind }, context }) => {
      if (n === 0) await first?.(context.appId)
      if (kind === 'asks' && n === 1) return { n: n + (await context.receiveOne(go)).body }
      if (kind === 'sleeps' && n === 1) await context.sleep({ ms: 30 })
      return { n: n + 1 }
    },
  })
  return kit.graph({
    actions: { step },
    transitions: { step: [{ to: 'step', when: ({ state }) => state.n < 3 }] },
  })
}
