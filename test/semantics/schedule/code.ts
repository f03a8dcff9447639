import type { ActionContext, MessageKind } from 'teasel'
import { printPath } from 'teasel'
import type { Act, Leaf, Nest } from './plan.js'
import type { Life, World } from './world.js'

// Runs the code of a plan: in an action, in a source, in `reduce`.

/** The state of every application of a schedule. */
export interface S {
  n: number
  lap: number
}

/** Outside of the engine, within the reach of the code. */
export interface Site {
  readonly world: World
  readonly note: MessageKind<'note', { readonly serial: number }>
  /** The path of a settled branch, by its id. */
  readonly pathOf: ReadonlyMap<string, string>
  /** Cancels the root application, or one below it. */
  readonly cancel: (path: string | undefined, reason: string) => void
  /** Runs an application created by an action. */
  readonly byHand: (nest: Nest, life: Life, context: ActionContext) => Promise<unknown>
}

/** Arguments of an action. */
export interface Given {
  readonly state: Readonly<S>
  readonly signal: AbortSignal
  readonly context: ActionContext
}

/** A leaf that awaits or streams. */
export async function* perform(
  site: Site,
  leaf: Leaf,
  limit: string | undefined,
  given: Given,
): AsyncGenerator<number, { n: number }, void> {
  const { world } = site
  const { context, signal } = given
  const life = world.begin({ path: context.path, name: leaf.name, of: 'leaf', limit, signal })
  let end: 'returned' | 'threw' | 'left' = 'left'
  try {
    try {
      for (const act of leaf.acts) {
        if (act.do === 'chunk') yield* chunks(world, life, act.times)
        else await doAct(site, life, act, signal, context)
      }
    } finally {
      world.phase(life, 'runs')
      await cleanUp(site, life, leaf.cleanup, given)
    }
    end = 'returned'
    return { n: given.state.n + 1 }
  } catch (error) {
    end = 'threw'
    throw error
  } finally {
    world.end(life, end)
  }
}

/** A leaf that never awaits. */
export function performAtOnce(site: Site, leaf: Leaf, limit: string | undefined, given: Given): { n: number } {
  const { context, signal } = given
  const life = site.world.begin({ path: context.path, name: leaf.name, of: 'leaf', limit, signal })
  try {
    for (const act of leaf.acts) doAtOnce(site, life, act, context)
  } catch (error) {
    site.world.end(life, 'threw')
    throw error
  }
  site.world.end(life, 'returned')
  return { n: given.state.n + 1 }
}

function* chunks(world: World, life: Life, times: number): Generator<number, void, void> {
  for (let i = 0; i < times; i++) {
    world.phase(life, 'yields')
    yield i
    world.phase(life, 'runs')
  }
}

async function cleanUp(site: Site, life: Life, acts: readonly Act[], { signal, context }: Given): Promise<void> {
  try {
    for (const act of acts) await doAct(site, life, act, undefined, context)
  } catch (error) {
    if (signal.aborted) site.world.note('failure during clean-up')
    throw error
  }
}

/** Does one act. Without a context it is the code of a source or of `reduce`. */
export async function doAct(
  site: Site,
  life: Life,
  act: Act,
  signal: AbortSignal | undefined,
  context?: ActionContext,
): Promise<void> {
  const { world } = site
  switch (act.do) {
    case 'pause':
      return world.pause({ label: labelOf(life), fails: act.fails, signal: act.deaf ? undefined : signal })
    case 'sleep':
      return world.sleep(act.ms, act.deaf ? undefined : signal)
    case 'spin':
      for (let i = 0; i < act.times; i++) await undefined
      return
    case 'hear':
      if (context !== undefined) await hear(site, life, context.messages(site.note), act.times, 'waits')
      return
    case 'receive':
      if (context !== undefined) await hear(site, life, context.receive(site.note), 1, 'receives')
      return
    case 'app':
      if (context !== undefined) await makeApp(site, life, act, context)
      return
    default:
      doAtOnce(site, life, act, context)
  }
}

const labelOf = (life: Life): string => [life.path, life.name].filter((part) => part !== '').join(' ')

/** Does one act without waiting. */
export function doAtOnce(site: Site, life: Life, act: Act, context?: ActionContext): void {
  if (act.do === 'throw') throw new Error(`${life.name} throws`)
  if (context === undefined) return
  switch (act.do) {
    case 'cancel':
      site.world.trace.add({ kind: 'cancel', door: `context of ${life.path}`, target: act.key })
      context.cancel(act.key, `by ${life.path}`)
      return
    case 'cancel-above':
      return cancelAbove(site, life, context, act.up)
    case 'send': {
      const serial = site.world.serial()
      const answer = context.send(act.key, site.note({ serial }))
      return site.world.trace.add({ kind: 'sent', serial, answer })
    }
    case 'broadcast':
      return context.broadcast(site.note({ serial: site.world.serial() }))
    case 'log':
      return context.log(`${life.name} logs`)
  }
}

function cancelAbove({ world, cancel }: Site, life: Life, context: ActionContext, up: number): void {
  const above = context.path.slice(0, Math.max(0, context.path.length - up))
  const target = printPath(above)
  if (life.signal?.aborted === false) world.note('nested cancel from below')
  world.trace.add({ kind: 'cancel', door: `app, by ${life.path} below`, target })
  cancel(target === '' ? undefined : target, `from below by ${life.path}`)
}

type Notes = AsyncIterable<{ readonly from: string; readonly body: { readonly serial: number } }>

async function hear(
  { world }: Site,
  life: Life,
  notes: Notes,
  times: number,
  phase: 'waits' | 'receives',
): Promise<void> {
  const iterator = notes[Symbol.asyncIterator]()
  try {
    for (let i = 0; i < times; i++) {
      world.phase(life, phase)
      const { done, value } = await iterator.next()
      if (done === true) return
      world.trace.add({ kind: 'heard', life: life.id, path: life.path, serial: value.body.serial, from: value.from })
    }
  } finally {
    if (life.signal?.aborted === true) life.slotless = true
    world.phase(life, 'runs')
    await iterator.return?.()
  }
}

async function makeApp(
  site: Site,
  life: Life,
  act: Extract<Act, { do: 'app' }>,
  context: ActionContext,
): Promise<void> {
  life.apps += 1
  const run = site.byHand(act.nest, life, context).finally(() => {
    life.apps -= 1
    if (life.signal?.aborted === true) life.slotless = true
  })
  if (act.careless) run.catch(() => {})
  else await run
}
