import { LiveApplication } from '../application/live-application.js'
import { describeValue, isInstance } from '../internal/guards.js'
import type { DescribeOptions } from '../read/reader.js'
import type { LiveTree } from '../read/tree.js'
import { describeLive } from './describe-live.js'

/**
 * Describes a live application and what is below it: its status, the map at which it stands, the first branches of each
 * status, what waits. The types are those of a persister's `describe`; `lacks` names what only a store can tell.
 *
 * It reads the tables of the engine in one turn, so all of it belongs to one moment. Reading changes nothing.
 * @param app made by `createApplication` or `resumeOrCreate`
 * @param options `first`: branches per status (default 10); `depth`: levels of applications (default 3)
 * @throws {TypeError} for a value that is no application
 * @throws {InputError} for invalid options, with every fault
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const app = createApplication(counter.graph({ actions: { add } }), { entrypoint: 'add', state: { n: 0 } })
 * const { run } = await describeApp(app)
 * run.status // 'queued'
 * ```
 */
export async function describeApp(app: { readonly appId: string }, options: DescribeOptions = {}): Promise<LiveTree> {
  if (!isInstance(app, LiveApplication))
    throw new TypeError(
      `describeApp takes an application of this process, not ${describeValue(app)}. Make it with createApplication or resumeOrCreate.`,
    )
  const { app: inside, end } = LiveApplication.inside(app)
  return describeLive(inside, await end, options)
}
