import { type AnyActorRef, stopActor } from '../actor/create-actor.js'
import type { Leak } from '../run/result.js'
import type { AppSystem } from '../system.js'
import { type Cancellation, createCancellation } from './cancellation.js'
import { Deadline } from './deadline.js'

// Owns: the end of the applications that a step made: they are cancelled, abandoned and stopped with it.
// Does not own: making them (sub-app.ts).

/** The run of such an application. */
interface SubRun {
  readonly leaked: readonly Leak[]
  cancel(cancellation: Cancellation): void
  abandon(): void
  stop(cancellation: Cancellation): void
}

/** A run whose step has made applications. */
interface MakingRun {
  readonly app: { readonly system: AppSystem; readonly self: AnyActorRef }
  /** By key; undefined without any. */
  subApps:
    | Map<
        string,
        { readonly run: SubRun | undefined; readonly self: AnyActorRef; readonly ended: Promise<unknown> | undefined }
      >
    | undefined
  takeLeaks(leaks: readonly Leak[]): void
}

export function eachSubRun({ subApps }: MakingRun, act: (run: SubRun) => void): void {
  for (const { run } of subApps?.values() ?? []) if (run !== undefined) act(run)
}

/** The step has ended: cancels their runs, waits for them, and stops their actors. */
export async function endSubApps(maker: MakingRun): Promise<void> {
  const { system } = maker.app
  const grace = new Deadline(system.clock, system.passed() + system.graceMs, () =>
    eachSubRun(maker, (run) => run.abandon()),
  )
  eachSubRun(maker, (run) => run.cancel(createCancellation('parent', 'parent', system.passed())))
  await drop(maker)
  grace.clear()
}

/** The step is abandoned: abandons their runs. */
export function abandonSubApps(maker: MakingRun): Promise<void> {
  eachSubRun(maker, (run) => run.abandon())
  return drop(maker)
}

async function drop(maker: MakingRun): Promise<void> {
  const below = [...(maker.subApps?.values() ?? [])]
  await Promise.all(below.map(({ ended }) => ended))
  if (maker.subApps === undefined) return // dropped meanwhile
  maker.subApps = undefined
  for (const { run, self } of below) {
    maker.takeLeaks(run?.leaked ?? [])
    stopActor(self, maker.app.self)
  }
}
