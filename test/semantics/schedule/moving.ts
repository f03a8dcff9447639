import type { Application } from 'teasel'
import type { AnyActorRef } from 'xstate'
import type { S, Site } from './code.js'
import type { Observed } from './observed.js'
import type { Aim, Move } from './plan.js'
import type { World } from './world.js'

/** The objects that a move can reach. */
export interface Reach {
  readonly world: World
  readonly observed: Observed
  readonly site: Site
  readonly app: Application<S, Record<string, never>>
  readonly caller: AbortController
  readonly actors: ReadonlySet<AnyActorRef>
  /** Whether the run has returned as waiting: another one continues it. */
  parked(): boolean
}

/** Does one move from outside. Returns a description. */
export function doMove(reach: Reach, move: Move): string {
  const { world, app, caller } = reach
  switch (move.do) {
    case 'cancel': {
      const path = aimed(reach, move.aim)
      return cancelFromOutside(reach, path)
    }
    case 'cancel-map':
      return cancelMap(reach)
    case 'send':
      return sendFromOutside(reach, aimed(reach, move.aim))
    case 'abort':
      world.trace.add({ kind: 'cancel', door: 'signal', target: '' })
      caller.abort('the caller has left')
      return "aborts the caller's signal"
    case 'dispose':
      world.trace.add({ kind: 'cancel', door: 'dispose', target: '' })
      void app[Symbol.asyncDispose]()
      return 'disposes of the application'
    case 'actor-cancel':
      world.trace.add({ kind: 'cancel', door: 'actor', target: '' })
      if (app.actor.getSnapshot().status === 'active') app.actor.send({ type: 'cancel', reason: 'told the actor' })
      return 'sends the actor a cancel'
    case 'run-again':
      runAgain(reach)
      return 'asks for a second run'
    case 'echo':
      return echo(reach)
  }
}

/** The path of a branch with the aimed status; undefined for the root. */
function aimed({ world, observed }: Reach, aim: Aim): string | undefined {
  if (aim === 'root') return undefined
  if (aim === 'unknown') return 'nowhere/x'
  return world.random.pick(observed.standing(aim)) ?? world.random.pick([...observed.branches.keys()]) ?? 'nowhere/y'
}

function cancelFromOutside({ world, app }: Reach, path: string | undefined): string {
  world.trace.add({ kind: 'cancel', door: 'app', target: path ?? '' })
  void app.cancel({ ...(path === undefined ? {} : { path }), reason: 'from outside' })
  return `cancels ${path ?? 'the application'}`
}

/** Cancels the map of a branch that is queued or runs. */
function cancelMap({ world, observed, app }: Reach): string {
  const path = world.random.pick([...observed.standing('running'), ...observed.standing('queued')])
  if (path === undefined) return 'finds no map to cancel'
  const parts = path.split('/')
  const map = parts.at(parts.length % 2 === 0 ? -2 : -1) ?? '' // a sub-graph has no key
  const above = parts.slice(0, parts.length % 2 === 0 ? -2 : -1).join('/')
  world.note('cancel of a map')
  world.trace.add({ kind: 'cancel', door: 'app', target: `the map ${map} of ${above}` })
  world.trace.add({ kind: 'cut', path: above, map })
  void app.cancel({ ...(above === '' ? {} : { path: above }), map, reason: 'the map, from outside' })
  return `cancels the map ${map} of ${above}`
}

/** Sends a message from outside. */
export function sendFromOutside({ world, observed, site, app }: Reach, path: string | undefined): string {
  const serial = world.serial()
  const settled = path !== undefined && observed.branches.get(path) === 'settled'
  if (settled) world.note('message to a settled branch')
  void app.send(site.note({ serial }), path === undefined ? {} : { path }).then((answer) => {
    world.trace.add({ kind: 'sent', serial, answer })
    if (settled && answer !== 'dropped') world.broken('a message to a settled branch is dropped', `${path}: ${answer}`)
  })
  return `sends message ${serial} to ${path ?? 'the application'}`
}

/** One run at a time: a second one is refused and changes nothing. */
function runAgain({ world, app, parked }: Reach): void {
  if (parked()) return
  const running = world.trace.entries.findLast(
    (one) => one.kind === 'event' && one.path === '' && one.event.type.startsWith('run.'),
  )
  if (running?.kind !== 'event' || running.event.type !== 'run.start') return
  app.run().then(
    () => world.broken('one run at a time', 'a second run was let in'),
    (error: unknown) => {
      if (!(error instanceof Error && error.name === 'BusyError')) world.broken('one run at a time', String(error))
    },
  )
}

/** A settled branch reports its end again, to a map that still runs. */
function echo({ world, actors }: Reach): string {
  const settled = [...actors].filter((actor) => {
    const parent = actor._parent as AnyActorRef | undefined
    return actor.id !== 'reduce' && actor.getSnapshot().status === 'done' && parent !== undefined && isMap(parent)
  })
  const actor = world.random.pick(settled)
  if (actor === undefined) return 'finds no branch to settle twice'
  world.note('duplicate settle')
  const { output } = actor.getSnapshot() as { readonly output: unknown }
  ;(actor._parent as AnyActorRef).send({ type: `xstate.done.actor.${actor.id}`, actorId: actor.id, output })
  return `settles ${actor.id} a second time`
}

const isMap = (actor: AnyActorRef): boolean => {
  const { status, value } = actor.getSnapshot() as { readonly status: string; readonly value?: unknown }
  return status === 'active' && (value === 'running' || value === 'reducing')
}
