import type { ActionContext } from '../action/context.js'
import { behindContext } from './action-context.js'
import { createCancellation } from './cancellation.js'
import { stopActor } from './create-actor.js'
import { Grace } from './grace.js'
import type { ChildSetup, LiveApp } from './tree.js'

// Owns: applications that an action makes by hand: their place in the tree, and that they end with the step.

/**
 * The application that an action makes by hand.
 * @throws {TypeError} when the step has ended, or another one of this key lives
 */
export function childApp(context: ActionContext, key: string | undefined, setup: Omit<ChildSetup, 'parent'>): LiveApp {
  const { app, step } = behindContext(context)
  const name = key ?? ''
  app.subApps ??= new Set()
  for (const other of app.subApps) {
    if (other.parent?.key !== name) continue
    throw new TypeError(
      `The action "${step.node.name}" has made an application with the key "${name}" in this step already. Give each a key of its own.`,
    )
  }
  const visit = (app.visits[step.node.index] ?? 0) + 1
  const parent = { app, map: undefined, name: step.node.name, visit, key: name }
  const child = app.child({ ...setup, gate: setup.gate ?? app.gate, parent })
  app.subApps.add(child)
  return child
}

/** Runs with the parent's slot given back. */
export async function throughParent<T>(app: LiveApp, work: () => Promise<T>): Promise<T> {
  const slot = app.parent?.app.slot
  return slot === undefined ? work() : slot.lend(work)
}

/** False once the step that made it has ended. */
export function belongs(app: LiveApp): boolean {
  return app.parent === undefined || app.parent.map !== undefined || app.parent.app.subApps?.has(app) === true
}

/** An action disposes of an application that it made. */
export function leaveParent(app: LiveApp): void {
  app.parent?.app.subApps?.delete(app)
}

/** The step has ended: cancels what its applications still run, waits for that, and stops their actors. */
export async function endSubApps(app: LiveApp): Promise<void> {
  const below = [...(app.subApps ?? [])]
  app.subApps = undefined
  const running = below.filter((one) => one.running)
  if (running.length > 0) {
    const { clock, graceMs } = app.hub
    const grace = new Grace(clock, graceMs, () => running.forEach((one) => void one.abandon()))
    grace.start()
    for (const one of running) one.cancel(createCancellation('parent', 'parent', clock.now()))
    await Promise.all(running.map((one) => one.ended()))
    grace.end()
  }
  for (const one of below) {
    app.takeLeaks(one.leaked)
    stopActor(one.self, app.self)
  }
}
