import { AsyncLocalStorage } from 'node:async_hooks'
import type { ActionContext } from '../../action/context.js'
import { addCodeScope } from '../../lifecycle/code-scope.js'

// Owns: the context of the action whose code runs.
// L1  Importing this file turns it on, for all applications of the process. Without it the engine touches no
//     AsyncLocalStorage.

const storage = new AsyncLocalStorage<ActionContext>()

addCodeScope({ run: (context, code) => storage.run(context, code) }) // L1

/**
 * The context of the action whose code runs, also after an await; undefined outside of actions. With it a function deep
 * inside can log, time a span or send a message, and need not be handed the context.
 *
 * It holds in actions, in branches, in sources, `watch` and reducers of maps, and in functions of spans. An application
 * that an action runs has contexts of its own; after it the outer one is there again.
 *
 * On Node 20 an AsyncLocalStorage makes every await of the process slower, so the context that an action is given is the
 * first choice. Nothing but an import of `teasel/context` turns this on.
 *
 * @example
 * ```ts
 * import { currentContext } from 'teasel/context'
 *
 * const note = (text: string): void => currentContext()?.log(text)
 * const kit = defineState<{ n: number }>()
 * const add = kit.action({
 *   reads: ['n'],
 *   writes: ['n'],
 *   run: async ({ state }) => {
 *     await null
 *     note('deep inside')
 *     return { n: state.n + 1 }
 *   },
 * })
 * ```
 */
export function currentContext(): ActionContext | undefined {
  return storage.getStore()
}
