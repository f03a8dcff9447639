import { WorkerLostError } from '../errors.js'
import { describeApp } from '../live/describe-app.js'
import { entry } from '../parallel/source.js'
import { assertSame, ContractBroken } from './contract-case.js'
import {
  add,
  answers,
  asks,
  calls,
  cancels,
  delivered,
  hangs,
  hangsBelow,
  kit,
  logs,
  note,
  pours,
  spins,
  survives,
  waits,
} from './executor-graphs.js'
import { appOf, collect, type ExecutorCase, endsOf, next } from './executor-rig.js'

/** The ends of branches by their status alone. */
const statuses = ({ results }: { readonly results: readonly { readonly key: string; readonly status: string }[] }) => ({
  ends: results.map(({ key, status }) => `${key} ${status}`),
})

const two = { reads: [], writes: ['ends'], settle: 'collect', reduce: collect } as const

/** Contract of an executor for cancels, messages, waits, time, lost workers and its own end. */
export const SIGNALS: Readonly<Record<string, ExecutorCase>> = {
  'cancels a running branch with its reason, and no other': {
    async check({ executor }) {
      const map = kit.mapActions({ ...two, actions: { a: hangs, b: asks } })
      const app = appOf(executor, map)
      const both = Promise.all([next(app, 'step.start', 'map/a'), next(app, 'wait', 'map/b')])
      const run = app.run()
      await both
      assertSame('answer', await app.cancel({ path: 'map/a', reason: 'enough' }), 'cancelled')
      await app.send(note(1), { path: 'map/b' })
      assertSame('ends', (await run).state.ends, ['a cancelled enough', 'b done ["note",1]'])
    },
  },

  'never runs a branch that was cancelled while it was queued': {
    concurrency: 1,
    async check({ executor }) {
      const map = kit.mapActions({ ...two, state: () => ({ n: 1 }), actions: { a: hangs, b: add } })
      const app = appOf(executor, map)
      const running = Promise.race(['map/a', 'map/b'].map((path) => next(app, 'branch.queued', path)))
      void running
      const began = next(app, 'step.start', 'map/a')
      const run = app.run()
      await began
      const ends = await Promise.all([
        app.cancel({ path: 'map/b', reason: 'b' }),
        app.cancel({ path: 'map/a', reason: 'a' }),
      ])
      const [a, b = ''] = (await run).state.ends
      assertSame('ends', [a, ['cancelled', 'settled'].includes(ends[0])], ['a cancelled a', true])
      assertSame('of the queued one', b === 'b cancelled b' || b === 'b done 2', true) // done where there is room for both
    },
  },

  'cancels a map with its reason: running branches and queued ones': {
    concurrency: 1,
    async check({ executor }) {
      const map = kit.mapActions({ ...two, actions: { a: hangs, b: hangs } })
      const app = appOf(executor, map)
      const began = next(app, 'step.start', 'map/a')
      const run = app.run()
      await began
      const answers = await Promise.all(['other', 'map'].map((name) => app.cancel({ map: name, reason: 'enough' })))
      assertSame('answers', answers, ['unknown', 'cancelled'])
      assertSame('ends', (await run).state.ends, ['a cancelled enough', 'b cancelled enough'])
    },
  },

  'cancels a map below a branch, and nothing else': {
    async check({ executor }) {
      const map = kit.mapActions({ ...two, actions: { a: hangsBelow, b: asks } })
      const app = appOf(executor, map)
      const began = ['map/a/a/x', 'map/a/a/y'].map((path) => next(app, 'step.start', path))
      const both = Promise.all([...began, next(app, 'wait', 'map/b')])
      const run = app.run()
      await both
      const cancel = (name: string) => app.cancel({ path: 'map/a', map: name, reason: 'enough' })
      assertSame('answers', await Promise.all([cancel('other'), cancel('a')]), ['unknown', 'cancelled'])
      await app.send(note(1), { path: 'map/b' })
      assertSame('ends', (await run).state.ends, ['a done 2', 'b done ["note",1]'])
    },
  },

  'ends every branch when the caller aborts its run': {
    async check({ executor }) {
      const map = kit.mapActions({ ...two, actions: { a: hangs, b: hangs, c: asks } })
      const app = appOf(executor, map)
      const began = Promise.all(['map/a', 'map/b', 'map/c'].map((path) => next(app, 'step.start', path)))
      const controller = new AbortController()
      const run = app.run({ signal: controller.signal }).catch((error: unknown) => error)
      await began
      controller.abort('stop')
      assertSame('rejects with the reason', await run, 'stop')
    },
  },

  'ends a branch that calculates without giving way, after its grace period': {
    needs: 'preempt',
    async check({ executor }) {
      const map = kit.mapActions({
        ...two,
        state: () => ({ n: 1 }),
        actions: { a: entry(spins, { timeoutMs: 200 }), b: add },
      })
      const { state } = await appOf(executor, map, { graceMs: 100 }).run()
      assertSame('ends', [state.ends[0]?.startsWith('a failed TimeoutError'), state.ends[1]], [true, 'b done 2'])
    },
  },

  'cancels a branch because of the output of another one': {
    async check({ executor }) {
      const map = kit.mapActions({
        reads: [],
        writes: ['ends'],
        settle: 'collect',
        state: () => ({ n: 3 }),
        actions: { a: pours, b: hangs },
        watch({ event, cancel }) {
          if (event.type === 'chunk' && event.chunk === 1) cancel('b', `a has ${event.chunk}`)
        },
        reduce: collect,
      })
      assertSame('ends', await endsOf(executor, map), ['a done 3', 'b cancelled a has 1'])
    },
  },

  'lets a branch cancel a sibling': {
    async check({ executor }) {
      const map = kit.mapActions({ ...two, actions: { a: cancels, b: hangs } })
      assertSame('ends', await endsOf(executor, map), ['a done []', 'b cancelled no longer needed'])
    },
  },

  'delivers messages between branches, in their order': {
    async check({ executor }) {
      const map = kit.mapActions({ ...two, actions: { a: calls, b: answers } })
      assertSame('ends', await endsOf(executor, map), ['a done ["b",3]', 'b done [1,2,3]'])
    },
  },

  'ends the wait for a sibling when none is left that could write': {
    async check({ executor }) {
      const map = kit.mapActions({ ...two, actions: { a: waits, b: logs } })
      assertSame('ends', await endsOf(executor, map), ['a done []', 'b done 1'])
    },
  },

  'asks a question, and goes on with its answer': {
    async check({ executor }) {
      const app = appOf(executor, kit.mapActions({ ...two, actions: { a: asks } }))
      const asked = next(app, 'wait', 'map/a')
      const run = app.run()
      const { ask, kinds } = await asked
      const delivery = await app.send(note({ yes: true }), { path: 'map/a' })
      const ends = (await run).state.ends
      assertSame('question', [ask, kinds], ['What now?', ['note']])
      assertSame('delivery', ['delivered', 'queued'].includes(delivery), true)
      assertSame('ends', ends, ['a done ["note",{"yes":true}]'])
    },
  },

  'makes all questions at once, however few tasks may run': {
    concurrency: 1,
    async check({ executor }) {
      const keys = ['a', 'b', 'c']
      const actions = { a: asks, b: asks, c: asks }
      const app = appOf(executor, kit.mapActions({ ...two, actions }))
      const asked = Promise.all(keys.map((key) => next(app, 'wait', `map/${key}`)))
      const run = app.run()
      await asked
      for (const key of [...keys].reverse()) await app.send(note(key), { path: `map/${key}` })
      assertSame(
        'ends',
        (await run).state.ends,
        keys.map((key) => `${key} done ["note","${key}"]`),
      )
    },
  },

  'shows what a live branch does and waits for': {
    async check({ executor }) {
      const app = appOf(executor, kit.mapActions({ ...two, actions: { a: asks } }))
      const asked = next(app, 'wait', 'map/a')
      const run = app.run()
      await asked
      const [question] = app.pending
      const tree = await describeApp(app)
      const text = JSON.stringify(tree.root)
      await app.send(note(1), { path: 'map/a' })
      await run
      assertSame('pending', [question?.action, question?.path.at(-1)?.key, question?.ask], ['a', 'a', 'What now?'])
      assertSame('described', [text.includes('"waiting"'), text.includes('What now?')], [true, true])
      assertSame('after it', app.pending.length, 0)
    },
  },

  'fails a branch when its time is over': {
    async check({ executor }) {
      const map = kit.mapActions({
        ...two,
        state: () => ({ n: 1 }),
        actions: { a: entry(hangs, { timeoutMs: 50 }), b: add },
      })
      const [a, b] = await endsOf(executor, map)
      assertSame('ends', [a?.startsWith('a failed TimeoutError'), b], [true, 'b done 2'])
    },
  },

  'settles as its policy says: the first that is done, or as many as are needed': {
    async check({ executor }) {
      const actions = { a: hangs, b: add, c: hangs } as const
      const state = () => ({ n: 1 })
      const any = kit.mapActions({ reads: [], writes: ['ends'], settle: 'any', state, actions, reduce: statuses })
      assertSame('any', await endsOf(executor, any), ['a cancelled', 'b done', 'c cancelled'])
    },
  },

  'delivers a branch again after its worker was killed, from its last commit': {
    needs: 'kill',
    async check({ executor, kill }) {
      const states = [{ n: 1 }]
      const map = kit.mapStates({ reads: [], writes: ['ends'], action: survives, states, reduce: collect })
      const app = appOf(executor, map)
      const committed = next(app, 'step.end', 'map/0')
      const run = app.run()
      await committed
      await kill()
      assertSame('ends', (await run).state.ends, ['0 done 22'])
    },
  },

  'leaves a cancelled branch cancelled when its worker is killed': {
    needs: 'kill',
    async check({ executor, kill }) {
      const app = appOf(executor, kit.mapActions({ ...two, actions: { a: hangs } }))
      const began = next(app, 'step.start', 'map/a')
      const run = app.run()
      await began
      const cancelled = app.cancel({ path: 'map/a', reason: 'enough' })
      await kill()
      await cancelled
      assertSame('ends', (await run).state.ends, ['a cancelled enough'])
      const again = kit.mapActions({ ...two, actions: { a: delivered } })
      assertSame('with another worker', await endsOf(executor, again), ['a done 1'])
    },
  },

  'fails what runs when it is closed, and what is given to it later, with clear errors': {
    async check({ executor }) {
      const map = kit.mapActions({ ...two, state: () => ({ n: 1 }), actions: { a: hangs } })
      const app = appOf(executor, map)
      const began = next(app, 'step.start', 'map/a')
      const run = app.run()
      await began
      await executor.close()
      if (executor['~branches'].make === undefined) {
        await app.cancel({ path: 'map/a', reason: 'here' }) // branches of this process: closing has no effect
        return assertSame('what ran', (await run).state.ends, ['a cancelled here'])
      }
      assertLost('what ran', (await run).state.ends)
      const later = kit.mapActions({ ...two, state: () => ({ n: 1 }), actions: { a: add } })
      assertLost('what came later', await endsOf(executor, later))
      await executor.close() // a second time has no effect
    },
  },
}

function assertLost(what: string, ends: readonly string[]): void {
  if (!ends.every((end) => end.startsWith(`a failed ${WorkerLostError.name}: `)))
    throw new ContractBroken(`${what}: expected a WorkerLostError, got ${ends.join()}.`)
}
