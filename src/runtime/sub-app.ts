import type { ActionContext } from '../action/context.js'
import type { AppSetup } from './app-facts.js'
import { Application, type Run } from './application.js'
import type { RunRequest } from './run/request.js'
import type { RunResult } from './run/result.js'
import { runWithEvents } from './run/run-with-events.js'
import { behindContext } from './step/context.js'

// Owns: applications that an action makes: their place in the tree, and their part in what the action waits for.
// Does not own: how they end with the step (cancel/sub-apps.ts).

/**
 * Makes an application inside an action.
 * @throws {TypeError} when the step has ended, or another application with this key lives
 */
export function childApp(
  context: ActionContext,
  key: string | undefined,
  setup: Omit<AppSetup<Application>, 'parent' | 'maker'>,
): Application {
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
  const semaphore = setup.semaphore ?? app.semaphore
  const executor = setup.executor === undefined ? app.facts.executor : setup.executor
  const child = new Application({ ...setup, semaphore, executor, parent, maker: app }, app.system)
  const parentRef = [app.appId, step.node.name, visit, name] as const
  child.journal = app.journal?.ofAction(child.appId, parentRef)
  run.subApps.set(name, child)
  return child
}

/** Awaits the run of an application; the permit of the action that made it is free meanwhile. */
export async function throughMaker<T>({ maker }: Application, work: () => Promise<T>): Promise<T> {
  const above = maker?.run
  if (above === undefined) return work()
  const begun = (): Promise<T> => counted(above, 'awaited', work())
  return above.permit === undefined ? begun() : above.permit.lend(begun, above.step)
}

/** Runs an application that is no branch. The run of one that an action made counts as work of that action. */
export function runApplication(app: Application, request: RunRequest): Promise<RunResult> {
  const ended = runWithEvents(app, request)
  const above = app.maker?.run
  if (above === undefined) return ended
  app.ended = ended
  return counted(above, 'running', ended)
}

async function counted<T>({ waitState }: Run, what: 'running' | 'awaited', result: Promise<T>): Promise<T> {
  waitState.countBelow(what, 1)
  try {
    return await result
  } finally {
    waitState.countBelow(what, -1)
  }
}

/** False once the step that made it has ended. */
export function belongs(app: Application): boolean {
  const { maker, parent } = app
  return maker === undefined || maker.run?.subApps?.get(parent?.key ?? '') === app
}

/** Removes an application that is disposed of from the step that made it. */
export function leaveMaker(app: Application): void {
  if (belongs(app)) app.maker?.run?.subApps?.delete(app.parent?.key ?? '')
}
