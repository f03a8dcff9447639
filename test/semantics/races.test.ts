import { createApplication, createLimit } from 'teasel'
import { describe, expect, it } from 'vitest'
import { chat } from '../support/chat.js'
import { untilAborted } from '../support/deferred.js'

// Races that random schedules have found, each by hand.

describe('a branch that is given its slot', () => {
  it('does not begin when it is cancelled in the same tick', async () => {
    const began: string[] = []
    const work = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run({ state }) {
        began.push(state.prompt)
        return { answer: '' }
      },
    })
    const map = chat.mapStates({
      reads: [],
      writes: ['answer'],
      settle: 'collect',
      concurrency: createLimit(1),
      action: work,
      states: { a: { prompt: 'a' }, b: { prompt: 'b' }, c: { prompt: 'c' } },
      watch({ event, cancel }) {
        if (event.type === 'step.end' && event.key === 'a') cancel('b') // the slot of a is free, b has it
      },
      reduce: ({ results }) => ({ answer: results.map(({ status }) => status).join() }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })

    const { state } = await app.run()

    expect(began).toEqual(['a', 'c'])
    expect(state.answer).toBe('done,cancelled,done')
  })
})

describe('an action', () => {
  it('does not begin when whoever is told of its step cancels it', async () => {
    let began = 0
    const work = chat.action({ reads: [], writes: ['answer'], run: () => ({ answer: `${(began += 1)}` }) })
    const app = createApplication(chat.graph({ actions: { work } }), { entrypoint: 'work', state: {} })
    app.on('step.start', () => void app.cancel({ reason: 'no' }))

    expect(await app.run()).toMatchObject({ status: 'cancelled', reason: 'no' })
    expect(began).toBe(0)
  })
})

describe('events', () => {
  const quick = chat.action({ reads: [], writes: ['answer'], run: async () => ({ answer: '' }) })
  const slow = chat.action({ reads: [], writes: ['answer'], run: ({ signal }) => untilAborted(signal) })

  it('are heard in the order of their numbers when a watch makes one happen out of another', async () => {
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: 'collect',
      actions: { quick, slow },
      watch({ event, cancel }) {
        if (event.type === 'branch.settled' && event.key === 'quick') cancel('slow')
      },
      reduce: () => ({ answer: '' }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })
    const heard: string[] = []
    app.on('*', ({ seq, type }) => heard.push(`${seq} ${type}`))

    await app.run()

    expect(heard).toContainEqual(expect.stringMatching(/cancel$/))
    expect(heard.map((line) => Number.parseInt(line, 10))).toEqual(heard.map((_, i) => i))
  })

  it('are heard in the order of their numbers when a listener makes one happen out of another', async () => {
    const app = createApplication(chat.graph({ actions: { slow } }), { entrypoint: 'slow', state: {} })
    const heard: string[] = []
    app.on('step.start', () => void app.cancel())
    app.on('*', ({ seq, type }) => heard.push(`${seq} ${type}`))

    await app.run()

    expect(heard).toEqual(['0 run.start', '1 step.start', '2 cancel', '3 step.end', '4 run.end'])
  })
})
