import type { ActionContext } from '../action/context.js'
import { stopActor } from './actor/create-actor.js'
import { createCancellation } from './cancel/cancellation.js'
import { Grace } from './cancel/grace.js'
import { waitStateOf } from './message/wait-state.js'
import type { RunRequest, RunResult } from './run/request.js'
import { runWithEvents } from './run/run-with-events.js'
import { behindContext } from './step/context.js'
import type { ChildSetup, LiveApp, LiveRun } from './tree.js'

// Owns: applications that an action makes by hand: their place in the tree, and that they end with the step.

/**
 * The application that an action makes by hand.
 * @throws {TypeError} when the step has ended, or another one of this key lives
 */
export function childApp(context: ActionContext, key: string | undefined, setup: Omit<ChildSetup, 'parent'>): LiveApp {
  const { run, step } = behindContext(context)
  const { app } = run
  const name = key ?? ''
  run.subApps ??= new Map()
  if (run.subApps.has(name))
    throw new TypeError(
      `The action "${step.node.name}" has made an application with the key "${name}" in this step already. Give each a key of its own.`,
    )
  const visit = (app.visits[step.node.index] ?? 0) + 1
  const parent = { app, map: undefined, name: step.node.name, visit, key: name }
  const child = app.child({ ...setup, semaphore: setup.semaphore ?? app.semaphore, parent })
  const hangs = [app.appId, step.node.name, visit, name] as const
  const above = app.journal
  child.journal = above?.child({ appId: child.appId, hangs, prelude: { above }, mayBeStored: true })
  run.subApps.set(name, child)
  return child
}

/** Awaits what it runs, with the parent's permit given back. */
export async function throughParent<T>(app: LiveApp, work: () => Promise<T>): Promise<T> {
  const above = app.parent?.app.run
  if (above === undefined) return work()
  const begun = (): Promise<T> => counted(above, 'awaited', work())
  return above.permit === undefined ? begun() : above.permit.lend(begun, above.step)
}

/** What the applications that actions made run, until it has been told. */
const runs = new WeakMap<LiveApp, Promise<RunResult>>()

/** Runs an application that nobody above tells of. One that an action made counts among what that action runs. */
export function runApplication(app: LiveApp, request: RunRequest): Promise<RunResult> {
  const end = runWithEvents(app, request)
  const above = app.parent?.app.run
  if (above === undefined) return end
  runs.set(app, end)
  return counted(above, 'running', end)
}

async function counted<T>(above: LiveRun, what: 'running' | 'awaited', result: Promise<T>): Promise<T> {
  const waits = waitStateOf(above)
  waits.below[what] += 1
  waits.reckon()
  try {
    return await result
  } finally {
    waits.below[what] -= 1
    waits.reckon()
  }
}

/** False once the step that made it has ended. */
export function belongs(app: LiveApp): boolean {
  return (
    app.parent === undefined || app.parent.map !== undefined || app.parent.app.run?.subApps?.get(app.parent.key) === app
  )
}

/** An action disposes of an application that it made. */
export function leaveParent(app: LiveApp): void {
  if (app.parent !== undefined && belongs(app)) app.parent.app.run?.subApps?.delete(app.parent.key)
}

/** The step has ended: cancels what its applications still run or ask, waits for that, and stops their actors. */
export async function endSubApps(run: LiveRun): Promise<void> {
  const below = [...(run.subApps?.values() ?? [])]
  const { system } = run.app
  const grace = new Grace(system.clock, system.graceMs, () => below.forEach((one) => void one.run?.abandon()))
  grace.start()
  for (const one of below) one.run?.cancel(createCancellation('parent', 'parent', system.passed()))
  await dropSubApps(run)
  grace.end()
}

/** Gives up what the applications run that an action made, as the action itself is given up. */
export function abandonSubApps(run: LiveRun): Promise<void> {
  for (const one of run.subApps?.values() ?? []) one.run?.abandon()
  return dropSubApps(run)
}

/** WaitState until what they run has ended and is told, and stops their actors. */
async function dropSubApps(run: LiveRun): Promise<void> {
  const below = [...(run.subApps?.values() ?? [])]
  await Promise.all(below.map((one) => runs.get(one)))
  if (run.subApps === undefined) return // given up meanwhile
  run.subApps = undefined
  for (const one of below) {
    run.takeLeaks(one.run?.leaked ?? [])
    stopActor(one.self, run.app.self)
  }
}
