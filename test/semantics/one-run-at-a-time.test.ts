import { type Application, createApplication, defineState, type Interceptor } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { untilAborted } from '../support/deferred.js'

// A run inside a run is refused from the first moment on: also before the first `await` of the first action.

interface Count {
  n: number
}
const kit = defineState<Count>()
type App = Application<Count, { readonly act: unknown }>

const DOORS: { readonly [door: string]: (app: App) => Promise<unknown> } = {
  run: (app) => app.run(),
  step: (app) => app.step(),
  iterate: (app) => app.iterate().next(),
  stream: (app) => app.stream().next(),
}
const MOMENTS = ['the action, at once', 'the action, later', 'run.start', 'step.start', 'beforeRun', 'beforeStep']

describe.each(Object.entries(DOORS))('a second %s', (_, door) => {
  it.each(MOMENTS)('is refused in: %s', async (moment) => {
    const codes: unknown[] = []
    let calls = 0
    const ask = (): void => {
      door(app).then(
        () => codes.push('taken'),
        (error: { readonly code?: unknown }) => codes.push(error.code),
      )
    }
    const act = kit.action({
      reads: [],
      writes: ['n'],
      async run() {
        calls += 1
        if (moment === 'the action, at once') ask()
        await undefined
        if (moment === 'the action, later') ask()
        return { n: calls }
      },
    })
    const interceptor: Interceptor = moment.startsWith('before') ? { [moment]: ask } : {}
    const app = createApplication(kit.graph({ actions: { act } }), {
      entrypoint: 'act',
      state: {},
      interceptors: [interceptor],
    }) as unknown as App
    if (moment.includes('.')) app.on(moment as 'run.start', ask)

    const { status } = await app.run()

    expect([status, calls, codes]).toEqual(['finished', 1, ['busy']])
  })
})

describe('in the first, synchronous part of a run', () => {
  it.each([
    ['without a persister', false],
    ['with one', true],
  ])('an application is ended, cancelled and saved as later on, %s', async (_, stored) => {
    const told: unknown[] = []
    const act = kit.action({
      reads: [],
      writes: ['n'],
      run({ signal }) {
        void app.ended().then((end) => told.push(end?.status))
        void app.cancel().then((answer) => told.push(answer))
        return untilAborted(signal)
      },
    })
    const app = createApplication(kit.graph({ actions: { act } }), {
      entrypoint: 'act',
      state: {},
      ...(stored && { persister: memoryPersister() }),
    }) as unknown as App

    const { status } = await app.run()
    await app.ended()

    expect([status, [...told].sort()]).toEqual(['cancelled', ['cancelled', 'cancelled']])
  })

  it('a signal that fires ends the run', async () => {
    const controller = new AbortController()
    const act = kit.action({
      reads: [],
      writes: ['n'],
      run({ signal }) {
        controller.abort('enough')
        return untilAborted(signal)
      },
    })
    const app = createApplication(kit.graph({ actions: { act } }), { entrypoint: 'act', state: {} })

    await expect(app.run({ signal: controller.signal })).rejects.toBe('enough')
  })
})
