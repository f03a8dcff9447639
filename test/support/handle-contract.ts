import { type ActionArgs, defineMessage, defineState, type } from 'teasel'
import { expect } from 'vitest'
import { NO_INPUTS } from '../../src/action/inputs.js'
import { sealMessage } from '../../src/action/message.js'
import { NO_POLICY } from '../../src/action/retry.js'
import { planOfTask } from '../../src/parallel/task.js'
import { makeActor } from '../../src/runtime/actor/create-actor.js'
import { endOfChild } from '../../src/runtime/actor/xstate-events.js'
import { createCancellation } from '../../src/runtime/cancel/cancellation.js'
import type { BranchHandle, WaitsFor } from '../../src/runtime/map/branch-handle.js'
import type { BranchMaker } from '../../src/runtime/map/branch-maker.js'
import type { ParentApp } from '../../src/runtime/parent.js'
import { AppSystem } from '../../src/runtime/system.js'
import { defer, flush, untilAborted } from './deferred.js'
import { quiet } from './quiet-logger.js'

// Owns: what a map expects of a branch handle, wherever its branch runs. It stays in test/: its setup speaks of the
// engine's own types, which are not published.

interface S {
  readonly n: number
}
const kit = defineState<{ n: number }>()
const note = defineMessage('note', type<number>())
const cancellation = () => createCancellation('context', 'b', 0, new RangeError('enough'))

/** A branch of one action, and the calls of its map, in order. */
function branchOf(make: BranchMaker, run: (args: ActionArgs<S, Record<never, never>>) => unknown) {
  const calls: string[] = []
  const levels: (readonly [WaitsFor, WaitsFor])[] = []
  const done = defer<string>()
  const waiting = defer()
  const started = defer()
  const action = kit.action({ reads: ['n'], writes: ['n'], run: run as () => { n: number } })
  const task = { ...NO_POLICY, key: 'a', index: 0, branch: action, named: 'a', state: { n: 1 }, inputs: NO_INPUTS }
  const system = new AppSystem({ logger: quiet })
  const root: ParentApp = {
    ...{ system, appId: 'root', path: [], tracker: undefined, watched: false, checkpoint: { sequenceId: -1 } },
    ...{ parent: undefined, run: { running: true }, journal: undefined },
    get root() {
      return this
    },
  }
  let handle: BranchHandle | undefined
  const logic = {
    getInitialSnapshot: () => ({ status: 'active' }),
    transition(snapshot: object, event: Parameters<typeof endOfChild>[0]) {
      if (endOfChild(event) !== undefined) done.resolve(handle?.result?.status ?? 'without a result')
      return snapshot
    },
    getPersistedSnapshot: (snapshot: object) => snapshot,
  }
  const mapActor = makeActor(logic, { id: 'map', input: undefined })
  mapActor.start()
  const host = {
    ...{ watches: false, tracker: undefined },
    timing: () => handle,
    idOf: () => undefined,
    branchStarted() {
      calls.push('started')
      started.resolve()
    },
    refused: () => calls.push('refused'),
    notify() {},
    waitsChanged(_key: string, before: WaitsFor, after: WaitsFor) {
      levels.push([before, after])
      if (after !== 'nothing') waiting.resolve()
    },
    turnOf: () => undefined,
    cancelBranch: () => 'cancelled' as const,
    deliver: () => 'dropped' as const,
    broadcast() {},
  }
  const { plan, bound } = planOfTask(task, 'map')
  handle = make({
    ...{ task, plan, bound, inputs: NO_INPUTS, state: task.state, progress: undefined, semaphore: undefined },
    ...{ backpressure: {}, mapActor, system },
    parent: { app: root, map: host, name: 'map', visit: 1, key: 'a' },
  })
  return { handle, calls, levels, done: done.promise, waiting: waiting.promise, started: started.promise }
}

/** One case of the contract. */
export interface HandleCase {
  readonly name: string
  run(make: BranchMaker): Promise<void>
}

/** What any implementation of `BranchHandle` does. */
export const handleContract: readonly HandleCase[] = [
  {
    name: 'it is made without running anything',
    async run(make) {
      const { handle, calls } = branchOf(make, () => ({ n: 2 }))
      await flush()
      expect([handle.status, handle.result, calls]).toEqual(['made', undefined, []])
    },
  },
  {
    name: 'it starts once, and its result is set when its actor is done',
    async run(make) {
      const { handle, calls, done } = branchOf(make, ({ state }) => ({ n: state.n + 1 }))
      handle.start()
      expect(await done).toBe('done')
      expect([calls, handle.status, handle.state]).toEqual([['started'], 'ended', { n: 2 }])
      expect(handle.result).toEqual({ status: 'done', state: { n: 2 }, recovered: false })
    },
  },
  {
    name: 'a failure is a result, with its error',
    async run(make) {
      const { handle, done } = branchOf(make, () => {
        throw new RangeError('boom')
      })
      handle.start()
      expect(await done).toBe('failed')
      expect(handle.result).toMatchObject({ error: { name: 'ActionError', cause: { message: 'boom' } } })
      expect(handle.state).toEqual({ n: 1 })
    },
  },
  {
    name: 'a cancel before it starts is the business of its map',
    async run(make) {
      const { handle } = branchOf(make, () => ({ n: 2 }))
      expect([handle.cancel(cancellation()), handle.cancelledAt]).toEqual([false, undefined])
    },
  },
  {
    name: 'a cancel counts in its tick, and its reason is the given one',
    async run(make) {
      const { handle, done, started } = branchOf(make, ({ signal }) => untilAborted(signal))
      handle.start()
      await started
      const given = createCancellation('context', 'b', 7, new RangeError('enough'))
      expect([handle.cancel(given), handle.cancelledAt, handle.cancelCause]).toEqual([true, 7, 'context'])
      expect(await done).toBe('cancelled')
      expect(handle.result).toEqual({ status: 'cancelled', reason: given.reason, by: 'b' })
    },
  },
  {
    name: 'the first cancel counts',
    async run(make) {
      const { handle, done, started } = branchOf(make, ({ signal }) => untilAborted(signal))
      handle.start()
      await started
      handle.cancel(cancellation())
      handle.cancel(createCancellation('app', 'app', 9))
      await done
      expect(handle.result).toMatchObject({ status: 'cancelled', by: 'b' })
    },
  },
  {
    name: 'a cancelled branch is not done, whatever its code returns',
    async run(make) {
      const go = defer()
      const { handle, done, started } = branchOf(make, async () => {
        await go.promise
        return { n: 2 }
      })
      handle.start()
      await started
      handle.cancel(cancellation())
      go.resolve()
      expect(await done).toBe('cancelled')
    },
  },
  {
    name: 'abandoned code leaks, and the branch ends',
    async run(make) {
      const { handle, done, started } = branchOf(make, () => new Promise(() => {}))
      handle.start()
      await started
      handle.cancel(cancellation())
      handle.abandon()
      expect(await done).toBe('cancelled')
      expect(handle.leaked).toMatchObject([{ path: 'map/a', action: 'a' }])
    },
  },
  {
    name: 'a stop ends it at once',
    async run(make) {
      const { handle, started } = branchOf(make, () => new Promise(() => {}))
      handle.start()
      await started
      handle.stop(cancellation())
      expect([handle.status, handle.result?.status]).toEqual(['ended', 'cancelled'])
    },
  },
  {
    name: 'messages come in order, those from before it was made first',
    async run(make) {
      const { handle, done, started } = branchOf(make, async ({ context }) => {
        const heard: number[] = []
        for await (const { body } of context.messages(note)) if (heard.push(body) === 3) break
        return { n: Number(heard.join('')) }
      })
      handle.adopt([sealMessage(note(1), 'b')])
      handle.start()
      await started
      for (const n of [2, 3]) expect(handle.send(sealMessage(note(n), 'b'))).toMatch(/delivered|queued/)
      await done
      expect([handle.state, handle.send(sealMessage(note(4), 'b'))]).toEqual([{ n: 123 }, 'dropped'])
    },
  },
  {
    name: 'a wait for a person is counted and listed, and ends with its message',
    async run(make) {
      const { handle, done, levels, waiting } = branchOf(make, async ({ context }) => ({
        n: (await context.receiveOne(note)).body,
      }))
      handle.start()
      await waiting
      expect(handle.waitsFor).toBe('outside')
      expect([...handle.pending()]).toMatchObject([{ action: 'a', kinds: ['note'], sequenceId: 0 }])
      const target = handle.find([])
      expect(typeof target === 'object' && target.deliver(sealMessage(note(5), undefined))).toBe('delivered')
      expect([handle.waitsFor, [...handle.pending()]]).toEqual(['nothing', []])
      await done
      expect([handle.state, levels]).toEqual([
        { n: 5 },
        [
          ['nothing', 'outside'],
          ['outside', 'nothing'],
        ],
      ])
    },
  },
  {
    name: 'a wait for siblings ends when they are released',
    async run(make) {
      const { handle, done, waiting } = branchOf(make, async ({ context }) => {
        for await (const _ of context.messages(note)) return { n: 0 }
        return { n: 9 }
      })
      handle.start()
      await waiting
      expect(handle.waitsFor).toBe('siblings')
      handle.releaseSiblings(undefined)
      expect([await done, handle.state]).toEqual(['done', { n: 9 }])
    },
  },
  {
    name: 'its progress is where its next run continues',
    async run(make) {
      const { handle, done } = branchOf(make, ({ state }) => ({ n: state.n + 1 }))
      handle.start()
      await done
      expect(handle.progress()).toMatchObject({
        checkpoint: { state: { n: 2 }, position: 'a', sequenceId: 0 },
        visits: [1],
        ended: true,
      })
    },
  },
]
