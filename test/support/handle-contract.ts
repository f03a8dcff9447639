import { PersistenceError } from 'teasel/persistence'
import { expect } from 'vitest'
import { sealMessage } from '../../src/action/message.js'
import { createCancellation } from '../../src/runtime/cancel/cancellation.js'
import type { BranchHandle } from '../../src/runtime/map/branch-handle.js'
import type { BranchMaker } from '../../src/runtime/map/branch-maker.js'
import { branchOf, cancellation, note } from './branch-rig.js'
import { defer, flush, untilAborted } from './deferred.js'

// Owns: what a map expects of a branch handle, wherever its branch runs. It stays in test/: its setup (branch-rig.ts)
// speaks of the engine's own types, which are not published.

/** What a map reads of a branch that has not ended. */
function factsOf(handle: BranchHandle) {
  const { attempts, leaked, cancelledAt, cancelCause, waitsFor, mayWithdraw, isRetrying, result, state } = handle
  const facts = { attempts, leaked, cancelledAt, cancelCause, waitsFor, mayWithdraw, isRetrying, result, state }
  return { ...facts, pending: [...handle.pending()] }
}
/** The facts of a branch that nothing has happened to. */
const UNDISTURBED = {
  ...{ attempts: 1, leaked: [], cancelledAt: undefined, cancelCause: undefined, waitsFor: 'nothing' },
  ...{ mayWithdraw: false, isRetrying: false, result: undefined, state: { n: 1 }, pending: [] },
}
const twoAttempts = { attempts: 2, delayMs: 40, factor: 1, maxDelayMs: 40, jitter: 0, maxMs: Infinity }

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
      expect([handle.status, calls, factsOf(handle)]).toEqual(['made', [], UNDISTURBED])
    },
  },
  {
    name: 'without interceptors it runs at once, and its facts stay the same while nothing happens to it',
    async run(make) {
      const { handle, started } = branchOf(make, () => new Promise(() => {}))
      handle.start()
      expect(handle.status).toBe('running')
      await started
      handle.releaseSiblings(undefined)
      handle.abandon()
      expect([handle.status, factsOf(handle)]).toEqual(['running', UNDISTURBED])
    },
  },
  {
    name: 'its inputs are those of its map with those bound over its graph, frozen',
    async run(make) {
      const run = () => ({ n: 2 })
      const both = branchOf(make, run, { inputs: { of: 'map', both: 1 }, bound: { both: 2 } }).handle.inputs
      expect([both, Object.isFrozen(both)]).toEqual([{ of: 'map', both: 2 }, true])
      expect(branchOf(make, run, { inputs: { of: 'map' } }).handle.inputs).toEqual({ of: 'map' })
    },
  },
  {
    name: 'an abandon or a release of its waits before it starts has no effect',
    async run(make) {
      const { handle, done } = branchOf(make, ({ state }) => ({ n: state.n + 1 }))
      handle.abandon()
      handle.releaseSiblings(undefined)
      expect(handle.send(sealMessage(note(1), 'b'))).toBe('queued')
      handle.start()
      expect([await done, handle.state]).toEqual(['done', { n: 2 }])
    },
  },
  {
    name: 'a stop before it starts leaves nothing to run',
    async run(make) {
      const { handle, calls } = branchOf(make, () => ({ n: 2 }))
      handle.stop(cancellation())
      await flush()
      expect(calls).toEqual([])
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
    name: 'a wait with a time limit may be withdrawn, and no longer once it is answered',
    async run(make) {
      const { handle, done, waiting } = branchOf(make, async ({ context }) => {
        const message = await context.receiveOne(note, { timeoutMs: 1000 })
        await context.receiveOne(note)
        return { n: message.body }
      })
      handle.start()
      await waiting
      expect([handle.waitsFor, handle.mayWithdraw]).toEqual(['outside', true])
      const target = handle.find([])
      const answer = () => typeof target === 'object' && target.deliver(sealMessage(note(5), undefined))
      answer()
      await flush()
      expect([handle.waitsFor, handle.mayWithdraw]).toEqual(['outside', false])
      answer()
      expect(await done).toBe('done')
    },
  },
  {
    name: 'it is retrying during the delay before another attempt',
    async run(make) {
      const { handle, done, clock } = branchOf(
        make,
        ({ context }) => {
          if (context.attempt === 1) throw new RangeError('boom')
          return { n: 2 }
        },
        { policy: { retry: twoAttempts } },
      )
      handle.start()
      await clock.timerIn(40)
      await flush()
      expect(factsOf(handle)).toMatchObject({ attempts: 1, isRetrying: true, waitsFor: 'retry', result: undefined })
      clock.advance(40)
      expect(await done).toBe('done')
      expect([handle.attempts, handle.isRetrying, handle.result]).toEqual([
        2,
        false,
        { status: 'done', state: { n: 2 }, recovered: false },
      ])
    },
  },
  ...[0, 1, 2, 3, 4, 5, 6].map(
    (ticks): HandleCase => ({
      name: `a cancel ${ticks} ticks after its retry is decided ends it, and leaves no timer`,
      async run(make) {
        const cancel = async (): Promise<void> => {
          for (let tick = 0; tick < ticks; tick++) await undefined
          handle.cancel(cancellation())
        }
        const delayMs = (): number => {
          void cancel()
          return 40
        }
        const boom = () => {
          throw new RangeError('boom')
        }
        const { handle, done, clock } = branchOf(make, boom, { policy: { retry: { ...twoAttempts, delayMs } } })
        handle.start()
        expect(await done).toBe('cancelled')
        expect([handle.isRetrying, clock.pending]).toEqual([false, 0])
      },
    }),
  ),
  {
    name: 'a cancel because its store is lost is its failure',
    async run(make) {
      const { handle, done, started } = branchOf(make, ({ signal }) => untilAborted(signal), {
        policy: { fallback: () => ({ n: 7 }) },
      })
      handle.start()
      await started
      const error = new PersistenceError('Gone.', { fault: 'unavailable', appId: 'root' })
      handle.cancel(createCancellation('store', 'store', 7, error))
      expect(await done).toBe('failed')
      expect(handle.result).toEqual({ status: 'failed', error })
    },
  },
  {
    name: 'its fallback turns its failure into a success',
    async run(make) {
      const { handle, done } = branchOf(
        make,
        () => {
          throw new RangeError('boom')
        },
        { policy: { fallback: () => ({ n: 7 }) } },
      )
      handle.start()
      expect(await done).toBe('done')
      expect(handle.result).toEqual({ status: 'done', state: { n: 7 }, recovered: true })
    },
  },
  {
    name: 'an interceptor that refuses it fails it, and nothing runs',
    async run(make) {
      const asked: object[] = []
      const error = new RangeError('not this one')
      const beforeBranch = (branch: object): never => {
        asked.push(branch)
        throw error
      }
      const { handle, calls, refused } = branchOf(make, () => ({ n: 2 }), { interceptors: [{ beforeBranch }] })
      handle.start()
      expect(await refused).toEqual({ status: 'failed', error })
      await flush()
      expect([calls, handle.state]).toEqual([['refused'], { n: 1 }])
      expect(asked).toEqual([{ map: 'map', key: 'a', index: 0, path: [{ map: 'map', visit: 1, key: 'a' }] }])
    },
  },
  {
    name: 'it begins when its interceptors have answered',
    async run(make) {
      const answer = defer()
      const beforeBranch = () => answer.promise
      const { handle, calls, done } = branchOf(make, () => ({ n: 2 }), { interceptors: [{ beforeBranch }] })
      handle.start()
      await flush()
      expect([handle.status, calls]).toEqual(['made', []])
      answer.resolve()
      expect([await done, calls]).toEqual(['done', ['started']])
    },
  },
  ...(['resolve', 'reject'] as const).map(
    (how): HandleCase => ({
      name: `a cancel while its interceptors are awaited counts, though they ${how} later`,
      async run(make) {
        const answer = defer<unknown>()
        const beforeBranch = async () => void (await answer.promise)
        const { handle, calls, refused } = branchOf(make, () => ({ n: 2 }), { interceptors: [{ beforeBranch }] })
        handle.start()
        const given = createCancellation('context', 'b', 7, new RangeError('enough'))
        expect([handle.cancel(given), handle.cancelledAt, handle.cancelCause]).toEqual([true, 7, 'context'])
        expect(handle.send(sealMessage(note(1), 'b'))).toBe('dropped')
        answer[how](new RangeError('late'))
        expect(await refused).toEqual({ status: 'cancelled', reason: given.reason, by: 'b' })
        await flush()
        expect(calls).toEqual(['refused'])
      },
    }),
  ),
  {
    name: 'a stop while its interceptors are awaited leaves nothing to run',
    async run(make) {
      const answer = defer()
      const beforeBranch = () => answer.promise
      const { handle, calls } = branchOf(make, () => ({ n: 2 }), { interceptors: [{ beforeBranch }] })
      handle.start()
      handle.stop(cancellation())
      answer.resolve()
      await flush()
      expect(calls).toEqual([])
    },
  },
  {
    name: 'a cancel in the tick of its start is the business of its map, which disposes of it: nothing runs',
    async run(make) {
      const { handle, calls } = branchOf(make, () => ({ n: 2 }), { interceptors: [{ beforeBranch() {} }] })
      handle.start()
      expect(handle.cancel(cancellation())).toBe(false)
      handle.dispose()
      await flush()
      expect(calls).toEqual([])
    },
  },
  {
    name: 'it continues where an earlier run of it had come to',
    async run(make) {
      const checkpoint = { state: { n: 5 }, position: undefined, next: 'a', sequenceId: 3 }
      const past = { attempts: 3, tries: 0, recovered: true, visits: [4], inStep: undefined, startedAt: undefined }
      const progress = { checkpoint, ...past, ended: false }
      const { handle, done } = branchOf(make, ({ state }) => ({ n: state.n + 1 }), { progress })
      handle.start()
      await done
      expect([handle.result, handle.attempts]).toEqual([{ status: 'done', state: { n: 6 }, recovered: true }, 3])
      expect(handle.progress()).toMatchObject({ checkpoint: { sequenceId: 4 }, visits: [5], attempts: 3 })
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
