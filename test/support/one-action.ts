import { defineMessage, defineState, type } from 'teasel'
import { hosted } from 'teasel/host'

// An application of one action, for tests that hold runs in a host or as jobs: each gives the code of its action.

export const kit = defineState<{ item: string; out: string }>()

/** The message that `receive` waits for. */
export const answer = defineMessage('answer', type<string>())

/** The code of the action: from its item to its result. */
export type Act = (
  item: string,
  use: { signal: AbortSignal; receive(): Promise<string>; sleep(ms: number): Promise<void> },
) => Promise<string>

export const graphOf = (act: Act) => {
  const work = kit.action({
    reads: ['item'],
    writes: ['out'],
    run: async ({ state: { item }, signal, context }) => ({
      out: await act(item, {
        signal,
        receive: async () => (await context.receiveOne(answer)).body,
        sleep: (ms) => context.sleep({ ms }),
      }),
    }),
  })
  return kit.graph({ actions: { work } })
}
export const workOf = (act: Act) => hosted(graphOf(act), { entrypoint: 'work' })
