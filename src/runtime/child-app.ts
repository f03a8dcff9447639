import type { ActionContext } from '../action/context.js'
import { behindContext } from './action-context.js'
import { announcedRun } from './announced-run.js'
import { createCancellation } from './cancellation.js'
import { stopActor } from './create-actor.js'
import { Grace } from './grace.js'
import type { RunEnd, RunOrder } from './order.js'
import type { ChildSetup, LiveApp } from './tree.js'
import { waitsOf } from './waits.js'

// Owns: applications that an action makes by hand: their place in the tree, and that they end with the step.

/**
 * The application that an action makes by hand.
 * @throws {TypeError} when the step has ended, or another one of this key lives
 */
export function childApp(context: ActionContext, key: string | undefined, setup: Omit<ChildSetup, 'parent'>): LiveApp {
  const { app, step } = behindContext(context)
  const name = key ?? ''
  app.subApps ??= new Map()
  if (app.subApps.has(name))
    throw new TypeError(
      `The action "${step.node.name}" has made an application with the key "${name}" in this step already. Give each a key of its own.`,
    )
  const visit = (app.visits[step.node.index] ?? 0) + 1
  const parent = { app, map: undefined, name: step.node.name, visit, key: name }
  const child = app.child({ ...setup, semaphore: setup.semaphore ?? app.semaphore, parent })
  const hangs = [app.appId, step.node.name, visit, name] as const
  const above = app.journal
  child.journal = above?.child({ appId: child.appId, hangs, prelude: { above }, mayBeStored: true })
  app.subApps.set(name, child)
  return child
}

/** Awaits what it runs, with the parent's permit given back. */
export async function throughParent<T>(app: LiveApp, work: () => Promise<T>): Promise<T> {
  const above = app.parent?.app
  if (above === undefined) return work()
  const begun = (): Promise<T> => counted(above, 'awaited', work())
  return above.permit === undefined ? begun() : above.permit.lend(begun, above.step)
}

/** What the applications that actions made run, until it has been told. */
const runs = new WeakMap<LiveApp, Promise<RunEnd>>()

/** Runs an application that nobody above tells of. One that an action made counts among what that action runs. */
export function runRoot(app: LiveApp, order: RunOrder): Promise<RunEnd> {
  const end = announcedRun(app, order)
  if (app.parent === undefined) return end
  runs.set(app, end)
  return counted(app.parent.app, 'running', end)
}

async function counted<T>(above: LiveApp, what: 'running' | 'awaited', result: Promise<T>): Promise<T> {
  const waits = waitsOf(above)
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
  return app.parent === undefined || app.parent.map !== undefined || app.parent.app.subApps?.get(app.parent.key) === app
}

/** An action disposes of an application that it made. */
export function leaveParent(app: LiveApp): void {
  if (app.parent !== undefined && belongs(app)) app.parent.app.subApps?.delete(app.parent.key)
}

/** The step has ended: cancels what its applications still run or ask, waits for that, and stops their actors. */
export async function endSubApps(app: LiveApp): Promise<void> {
  const below = [...(app.subApps?.values() ?? [])]
  const { clock, graceMs } = app.hub
  const grace = new Grace(clock, graceMs, () => below.forEach((one) => void one.abandon()))
  grace.start()
  for (const one of below) one.cancel(createCancellation('parent', 'parent', app.hub.passed()))
  await dropSubApps(app)
  grace.end()
}

/** Gives up what the applications run that an action made, as the action itself is given up. */
export function abandonSubApps(app: LiveApp): Promise<void> {
  for (const one of app.subApps?.values() ?? []) one.abandon()
  return dropSubApps(app)
}

/** Waits until what they run has ended and is told, and stops their actors. */
async function dropSubApps(app: LiveApp): Promise<void> {
  const below = [...(app.subApps?.values() ?? [])]
  await Promise.all(below.map((one) => runs.get(one)))
  if (app.subApps === undefined) return // given up meanwhile
  app.subApps = undefined
  for (const one of below) {
    app.takeLeaks(one.leaked)
    stopActor(one.self, app.self)
  }
}
