import { createApplication, type Interceptor, printPath } from 'teasel'
import { describe, expect, it } from 'vitest'
import { chat, echo } from '../support/chat.js'
import { untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'

const log: string[] = []
const recorder = (name: string, extra: Partial<Interceptor> = {}): Interceptor => ({
  name,
  beforeRun: () => void log.push(`${name} beforeRun`),
  afterRun: (_, { status }) => void log.push(`${name} afterRun ${status}`),
  async beforeStep({ action }) {
    await Promise.resolve()
    log.push(`${name} beforeStep ${action}`)
  },
  afterStep: ({ action }, { status }) => void log.push(`${name} afterStep ${action} ${status}`),
  beforeBranch: ({ key }) => void log.push(`${name} beforeBranch ${key}`),
  afterBranch: ({ key }, { status }) => void log.push(`${name} afterBranch ${key} ${status}`),
  ...extra,
})
const map = chat.mapStates({
  reads: ['prompt'],
  writes: ['answers'],
  action: echo,
  states: { x: {} },
  reduce: () => ({ answers: {} }),
})
const graph = chat.graph({ actions: { echo, map } })
const quiet = (told: string[] = []) => ({
  debug() {},
  info() {},
  warn() {},
  error: (text: string) => void told.push(text),
})
const run = (entrypoint: 'echo' | 'map', interceptors: readonly Interceptor[], told: string[] = []) => {
  log.length = 0
  const app = createApplication(graph, { entrypoint, state: { prompt: 'p' }, interceptors, logger: quiet(told) })
  return app.run().then(
    (end) => ({ end, error: undefined, app }),
    (error: Error) => ({ end: undefined, error, app }),
  )
}
/** Reports of an interceptor that throws, while the run goes on. */
const faultsBeside = async (entrypoint: 'echo' | 'map', bad: Interceptor) => {
  const [told, faults]: [string[], string[]] = [[], []]
  log.length = 0
  const app = createApplication(graph, {
    entrypoint,
    state: { prompt: 'p' },
    interceptors: [bad],
    logger: quiet(told),
  })
  app.on('fault', ({ where }) => faults.push(where))
  const { status } = await app.run()
  return { status, told, faults }
}

describe('interceptors', () => {
  it('are awaited in order before, and in reverse order after', async () => {
    await run('echo', [recorder('a'), recorder('b')])

    expect(log).toEqual([
      'a beforeRun',
      'b beforeRun',
      'a beforeStep echo',
      'b beforeStep echo',
      'b afterStep echo done',
      'a afterStep echo done',
      'b afterRun done',
      'a afterRun done',
    ])
  })

  it('run around branches and their steps as well', async () => {
    await run('map', [recorder('a', { beforeRun: () => {}, afterRun: () => {} })])

    expect(log).toEqual([
      'a beforeStep map',
      'a beforeBranch x',
      'a beforeStep map',
      'a afterStep map done',
      'a afterBranch x done',
      'a afterStep map done',
    ])
  })

  it('refuse a step before it runs, which stays uncommitted', async () => {
    const no = recorder('no', {
      beforeStep: () => {
        throw new RangeError('not today')
      },
    })
    const { error, app } = await run('echo', [no])

    expect(error).toMatchObject({ name: 'ActionError', message: 'Action "echo" failed (step 0): not today' })
    expect(app.sequenceId).toBe(-1)
    expect(log).toEqual(['no beforeRun', 'no afterStep echo failed', 'no afterRun failed'])
  })

  it('refuse a run, and a branch', async () => {
    const noRun = await run('echo', [
      recorder('a', { beforeRun: async () => Promise.reject(new RangeError('closed')) }),
    ])
    const noBranch = await run('map', [
      recorder('b', {
        beforeBranch: () => {
          throw new RangeError('no x')
        },
      }),
    ])

    expect(noRun.error?.message).toBe('closed')
    expect(noBranch.error?.message).toBe(
      `Map action "map" cannot settle as 'all': 1 of 1 branches failed: "x". First: no x`,
    )
  })

  it('that throw afterwards are reported, and the run goes on', async () => {
    const bad = recorder('bad', {
      afterStep: () => {
        throw new RangeError('oops')
      },
    })

    expect(await faultsBeside('echo', bad)).toEqual({
      status: 'finished',
      told: ['interceptor bad afterStep threw.'],
      faults: ['interceptor bad afterStep'],
    })
  })

  it("that throw afterwards fail the run with onFault: 'fail', and committed steps stay", async () => {
    const bad = recorder('bad', {
      onFault: 'fail',
      afterStep: async () => {
        throw new RangeError('oops')
      },
    })

    const { error, app } = await run('echo', [bad])

    expect(error?.message).toBe('Action "echo" failed (step 1): oops')
    expect(app.state).toEqual({ prompt: 'p', answer: 'p' })
  })

  it('get the path of a branch, also of one that never began', async () => {
    const seen: string[] = []
    const over = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      settle: 'any',
      action: echo,
      concurrency: 1,
      states: { x: {}, y: {} },
      reduce: () => ({ answers: {} }),
    })
    const tells: Interceptor = {
      name: 'tells',
      afterBranch: ({ key, path }, { status }) => void seen.push(`${key} ${printPath(path)} ${status}`),
    }
    const whole = chat.subgraph({
      graph: chat.graph({ actions: { over } }).runnable({ entrypoint: 'over' }),
      reads: ['prompt'],
      writes: ['answers'],
      state: ({ state }) => state,
      reduce: () => ({ answers: {} }),
    })
    const app = createApplication(chat.graph({ actions: { whole } }), {
      entrypoint: 'whole',
      state: { prompt: 'p' },
      interceptors: [tells],
    })

    await app.run()

    expect(seen).toEqual(['x whole/~/over/x done', 'y whole/~/over/y cancelled', ' whole done'])
  })

  it('that throw after a branch are reported, and the map goes on', async () => {
    const bad: Interceptor = {
      name: 'bad',
      afterBranch: async () => {
        throw new RangeError('oops')
      },
    }

    expect(await faultsBeside('map', bad)).toEqual({
      status: 'finished',
      told: ['interceptor bad afterBranch threw.'],
      faults: ['interceptor bad afterBranch'],
    })
  })

  it('get the end of a run, and the identity of its application', async () => {
    const ends: unknown[] = []
    const tells: Interceptor = {
      name: 'tells',
      beforeRun: ({ appId }) => void ends.push(appId),
      afterRun: ({ appId }, outcome) => void ends.push(appId, outcome),
    }
    const slow = chat.action({ reads: [], writes: [], run: ({ signal }) => untilAborted(signal) })
    const app = createApplication(chat.graph({ actions: { slow } }), {
      entrypoint: 'slow',
      state: {},
      appId: 'app',
      interceptors: [tells],
    })
    const started = emitted(app, 'step.start')

    const run = app.run()
    await started
    await app.cancel({ reason: 'enough' })
    await run

    expect(ends).toEqual(['app', 'app', { status: 'cancelled', reason: 'enough' }])
  })

  it.each([
    ['is reported, and the run is done', {}, ['run.end finished'], undefined],
    ["is reported, and fails the run with onFault: 'fail'", { onFault: 'fail' }, ['run.end failed oops'], 'oops'],
  ] as const)('that throw after the run: it %s', async (_, more, ends, message) => {
    const seen: string[] = []
    const where: string[] = []
    const afterRun = async () => {
      throw new RangeError('oops')
    }
    const app = createApplication(graph, {
      entrypoint: 'echo',
      state: { prompt: 'p' },
      interceptors: [{ name: 'bad', afterRun, ...more }],
      logger: quiet(),
    })
    app.on('fault', (event) => where.push(event.where))
    app.on('run.end', (event) => {
      const error = 'error' in event && event.error instanceof Error ? ` ${event.error.message}` : ''
      seen.push(`run.end ${event.status}${error}`)
    })

    const error = await app.run().then(
      () => undefined,
      (thrown: Error) => thrown.message,
    )

    expect({ seen, where, error, state: app.state }).toEqual({
      seen: ends,
      where: ['interceptor bad afterRun'],
      error: message,
      state: { prompt: 'p', answer: 'p' },
    })
  })

  it('never replace the error of the action', async () => {
    const failing = chat.action({
      reads: [],
      writes: ['answer'],
      run: () => {
        throw new RangeError('the real one')
      },
    })
    const bad = recorder('bad', {
      onFault: 'fail',
      afterStep: () => {
        throw new RangeError('another')
      },
      afterRun: () => {
        throw new RangeError('a third')
      },
    })
    const app = createApplication(chat.graph({ actions: { failing } }), {
      entrypoint: 'failing',
      state: {},
      interceptors: [bad],
      logger: quiet(),
    })

    await expect(app.run()).rejects.toThrow('the real one')
  })
})
