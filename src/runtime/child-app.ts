import type { ActionContext } from '../action/context.js'
import { behindContext } from './action-context.js'
import { createCancellation } from './cancellation.js'
import { Runner, type RunnerSetup } from './runner.js'

// Owns: applications that an action makes by hand: their place in the tree, and that they end with the step.

/**
 * The runner of an application that an action makes by hand.
 * @throws {TypeError} when the step has ended, or another one of this key lives
 */
export function childRunner(context: ActionContext, key: string | undefined, setup: Omit<RunnerSetup, 'hub' | 'parent'>): Runner {
  const { runner, step } = behindContext(context)
  const name = key ?? ''
  runner.subApps ??= new Set()
  for (const other of runner.subApps) {
    if (other.parent?.key !== name) continue
    throw new TypeError(`The action "${step.node.name}" has made an application with the key "${name}" in this step already. Give each a key of its own.`)
  }
  const visit = (runner.visits[step.node.index] ?? 0) + 1
  const parent = { runner, map: undefined, name: step.node.name, visit, key: name }
  const child = new Runner({ ...setup, gate: setup.gate ?? runner.gate, hub: runner.hub, parent })
  runner.subApps.add(child)
  return child
}

/** Runs with the parent's slot given back, and cancelled at once if the parent is. */
export async function throughParent<T>(runner: Runner, work: () => Promise<T>): Promise<T> {
  const above = runner.parent?.runner
  if (above === undefined) return work()
  const begun = async (): Promise<T> => {
    const result = work()
    if (above.cancellation !== undefined) runner.cancel(createCancellation('parent', 'parent', above.hub.clock.now(), above.cancellation.reason))
    return result
  }
  return above.slot === undefined ? begun() : above.slot.lend(begun)
}

export function leaveParent(runner: Runner): void {
  runner.parent?.runner.subApps?.delete(runner)
}
