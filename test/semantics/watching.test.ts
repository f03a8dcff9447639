import { createApplication, defineMessage, NoSenderError, printPath, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { chat, echo } from '../support/chat.js'
import { defer, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'

const hint = defineMessage('hint', type<string>())
const slow = chat.action({ reads: ['prompt'], writes: ['answer'], run: ({ signal }) => untilAborted(signal) })
const pour = chat.action({
  reads: ['prompt'],
  writes: ['answer'],
  async *run({ state }) {
    yield 'thinking'
    return { answer: state.prompt }
  },
})
const run = (map: typeof echo) =>
  createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: { prompt: 'p' } }).run()

describe('watch', () => {
  it('cancels one branch by the output of another', async () => {
    const seen: string[] = []
    const begun = defer()
    const fast = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async *run({ state }) {
        await begun.promise
        yield 'thinking'
        return { answer: state.prompt }
      },
    })
    const slow = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run({ signal }) {
        begun.resolve()
        return untilAborted(signal)
      },
    })
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answer'],
      settle: 'collect',
      actions: { fast, slow },
      watch({ event, branches, cancel }) {
        seen.push(`${event.type} ${event.key}, slow ${branches.slow.status}`)
        if (event.type === 'step.end' && event.key === 'fast') cancel('slow', `fast said ${event.state.answer}`)
      },
      reduce: ({ branches: { slow: lost } }) => ({
        answer: lost.status === 'cancelled' ? `${String(lost.reason)} (${lost.by})` : lost.status,
      }),
    })

    expect((await run(map as never)).state.answer).toBe('fast said p (watch)')
    expect(seen).toEqual([
      'chunk fast, slow running',
      'step.end fast, slow running',
      'branch.settled fast, slow running',
      'branch.settled slow, slow cancelled',
    ])
  })

  it.each([
    ['all', false],
    ['collect', true],
  ] as const)('can cancel and settle unless every branch has to be done (%s)', async (settle, can) => {
    const seen: boolean[] = []
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answer'],
      settle,
      actions: { echo },
      watch(args: object) {
        seen.push('cancel' in args, 'settle' in args)
      },
      reduce: () => ({ answer: '' }),
    } as never)

    await run(map as never)

    expect(new Set(seen)).toEqual(new Set([can]))
  })

  it('gets the status of all branches, and the messages between them', async () => {
    const seen: unknown[] = []
    const begun = defer()
    const slow = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run({ signal }) {
        begun.resolve()
        return untilAborted(signal)
      },
    })
    const speak = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        await begun.promise
        return { answer: context.send('slow', hint('psst')) }
      },
    })
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answer'],
      settle: 'any',
      concurrency: 2,
      actions: { speak, slow, late: slow },
      watch({ event, branches }) {
        if (event.type === 'message') seen.push(event)
        if (event.type === 'branch.settled' && event.key === 'speak')
          seen.push({ ...branches }, 'slow' in branches, 'speak' in branches, 'nobody' in branches, branches.late)
      },
      reduce: () => ({ answer: '' }),
    })

    await run(map as never)

    expect(seen).toEqual([
      { type: 'message', key: 'speak', message: { kind: 'hint', body: 'psst', from: 'speak' } },
      { speak: { key: 'speak', status: 'done' }, slow: { key: 'slow', status: 'running' } },
      true,
      true,
      false,
      { key: 'late', status: 'queued' },
    ])
  })

  it('settles when it has enough', async () => {
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answer'],
      settle: 'collect',
      actions: { fast: pour, slow },
      watch({ event, settle: enough }) {
        if (event.type === 'branch.settled') enough()
      },
      reduce: ({ results }) => ({ answer: results.map((r) => r.status).join() }),
    })

    expect((await run(map as never)).state.answer).toBe('done,cancelled')
  })
})

describe('a watch that cancels while the map closes', () => {
  it('finds already cancelled branches settled, started or not', async () => {
    const hold = {
      beforeBranch: ({ key }: { key: string }) => (key.startsWith('late') ? new Promise<void>(() => {}) : undefined),
    }
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answer'],
      settle: 'any',
      actions: { slow, late: echo, later: echo, fast: pour },
      watch({ event, cancel }) {
        if (event.type === 'branch.settled') cancel(['later', 'late', 'slow', 'fast'], 'all of them')
      },
      reduce: ({ results }) => ({ answer: results.map((r) => r.status).join() }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: { prompt: 'p' },
      interceptors: [hold as never],
      graceMs: 0,
    })

    expect((await app.run()).state.answer).toBe('cancelled,cancelled,cancelled,done')
  })
})

describe('messages between branches', () => {
  it('reach `watch` also when the receiver is queued, with the sender as source', async () => {
    const [seen, heard]: [unknown[], string[]] = [[], []]
    const early = chat.action({
      reads: [],
      writes: ['answer'],
      run: ({ context }) => ({ answer: [context.send('late', hint('psst')), context.send('lat', hint('?'))].join() }),
    })
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answer'],
      concurrency: 1,
      actions: { early, late: echo },
      watch: ({ event }) => void (event.type === 'message' && seen.push(event)),
      reduce: ({ branches }) => ({ answer: branches.early.state.answer }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: { prompt: 'p' } })
    app.on('message', ({ to, delivery, path }) => heard.push(`${to} ${delivery} at ${printPath(path)}`))
    const { state } = await app.run()

    expect({ seen, heard, answer: state.answer }).toEqual({
      seen: [{ type: 'message', key: 'early', message: { kind: 'hint', body: 'psst', from: 'early' } }],
      heard: ['late queued at map/late', 'lat dropped at '],
      answer: 'queued,dropped',
    })
  })

  it('reach a sibling in order, and end when no sibling is left', async () => {
    const sender = chat.action({
      reads: [],
      writes: ['answer'],
      run({ context }) {
        const answers = [
          context.send('reader', hint('one')),
          context.send('reader', hint('two')),
          context.send('nobody', hint('x')),
        ]
        return { answer: answers.join() }
      },
    })
    const reader = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const heard: string[] = []
        for await (const { body, from } of context.messages(hint)) heard.push(`${body} of ${from}`)
        return { answer: heard.join() }
      },
    })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      actions: { reader, sender },
      reduce: ({ branches }) => ({ answer: `${branches.sender.state.answer}; ${branches.reader.state.answer}` }),
    })

    expect((await run(map as never)).state.answer).toBe('delivered,queued,dropped; one of sender,two of sender')
  })

  it('fail branches that wait for each other', async () => {
    const wait = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        for await (const _ of context.messages(hint)) break
        return { answer: '' }
      },
    })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: 'collect',
      actions: { a: wait, b: wait },
      reduce: ({ results }) => ({
        answer: results
          .map((r) => (r.status === 'failed' && r.error.cause instanceof NoSenderError ? 'no sender' : r.status))
          .join(),
      }),
    })

    expect((await run(map as never)).state.answer).toBe('no sender,no sender')
  })

  it('come from outside by app.send, to a branch by its path', async () => {
    const listen = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        for await (const { body } of context.receive(hint)) return { answer: body }
        return { answer: 'none' }
      },
    })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      actions: { listen },
      reduce: ({ branches }) => ({ answer: branches.listen.state.answer }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })
    const waiting = emitted(app, 'wait', 'map/listen')

    const end = app.run()
    await waiting
    const delivered = await Promise.all([
      app.send(hint('lost'), { path: 'map/x' }),
      app.send(hint('here'), { path: 'map/listen' }),
    ])

    expect(delivered).toEqual(['dropped', 'delivered'])
    expect((await end).state.answer).toBe('here')
    expect(await app.send(hint('late'))).toBe('dropped')
  })
})
