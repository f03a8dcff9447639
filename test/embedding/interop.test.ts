import { actorLogic, defineMessage, defineState, type } from 'teasel'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  createActor,
  type EmittedFrom,
  type EventFromLogic,
  emit,
  type InputFrom,
  type OutputFrom,
  type SnapshotFrom,
  sendTo,
  setup,
  toPromise,
  waitFor,
} from 'xstate'
import { emitted } from '../support/events.js'

interface Chat {
  prompt: string
  answer: string
  answers: string[]
}
const kit = defineState<Chat>()
const hint = defineMessage('hint', type<string>())

/** Yields each hint from outside, and ends with the hint `stop`. */
const listen = kit.action({
  reads: ['prompt'],
  writes: ['answer'],
  async *run({ state, context }) {
    const heard: string[] = []
    for await (const { body } of context.receive(hint)) {
      if (body === 'stop') break
      heard.push(body)
      yield { heard: body }
    }
    return { answer: [state.prompt, ...heard].join(' ') }
  },
})
const logic = actorLogic(kit.graph({ actions: { listen } }).runnable({ entrypoint: 'listen' }))
const input = { state: { prompt: 'q' } }
const isWaiting = ({ waiting }: { readonly waiting: boolean }) => waiting

describe('an XState system', () => {
  it('finds an application by its systemId, as sender and as receiver', async () => {
    const machine = setup({
      types: {} as { events: { type: 'tell'; hint: string } },
      actors: { chat: logic },
    }).createMachine({
      initial: 'open',
      states: {
        open: {
          invoke: { src: 'chat', systemId: 'chat', input, onDone: 'closed' },
          on: {
            tell: {
              actions: sendTo(
                ({ system }) => system.get('chat'),
                ({ event }) => ({ type: 'message', message: hint(event.hint) }),
              ),
            },
          },
        },
        closed: { type: 'final' },
      },
    })
    const actor = createActor(machine).start()
    const chat = actor.system.get('chat')
    const answered = toPromise(chat)
    await waitFor(chat, isWaiting)

    for (const word of ['warm', 'hot', 'stop']) actor.send({ type: 'tell', hint: word })
    await waitFor(actor, ({ status }) => status === 'done')

    expect(await answered).toMatchObject({ status: 'finished', state: { answer: 'q warm hot' } })
    expect(actor.system.get('chat')).toBeUndefined()
  })

  it('holds many applications of one graph side by side, with separate actors and ids', async () => {
    const machine = setup({ actors: { chat: logic } }).createMachine({
      invoke: ['a', 'b', 'c'].map((systemId) => ({ src: 'chat' as const, id: systemId, systemId, input })),
    })
    const actor = createActor(machine).start()
    await Promise.all(['a', 'b', 'c'].map((name) => waitFor(actor.system.get(name), isWaiting)))
    const ids = ['a', 'b', 'c'].map((name) => {
      const persisted = actor.system.get(name).getPersistedSnapshot() as { readonly appId: string }
      return persisted.appId
    })

    const b = actor.system.get('b')
    b.send({ type: 'message', message: hint('stop') })
    await toPromise(b)

    expect(new Set(ids).size).toBe(3)
    expect(['a', 'b', 'c'].map((name) => actor.getSnapshot().children[name]?.getSnapshot().status)).toEqual([
      'active',
      'done',
      'active',
    ])
    actor.stop()
  })

  it('lets one application cancel another through a machine between them', async () => {
    const speak = kit.action({
      reads: ['prompt'],
      writes: ['answer'],
      async *run({ state }) {
        yield state.prompt
        return { answer: '' }
      },
    })
    const speaker = actorLogic(kit.graph({ actions: { speak } }).runnable({ entrypoint: 'speak' }))
    const machine = setup({ actors: { chat: logic, speaker } }).createMachine({
      invoke: [
        { src: 'chat', systemId: 'listener', input },
        { src: 'speaker', systemId: 'speaker', input: { state: { prompt: 'quiet!' } } },
      ],
    })
    const actor = createActor(machine)
    actor.start()
    const listener = actor.system.get('listener')
    actor.system.get('speaker').on('chunk', ({ chunk }: { chunk: unknown }) => {
      listener.send({ type: 'cancel', reason: chunk })
    })

    const output = await toPromise(listener)

    expect(output).toMatchObject({ status: 'cancelled', reason: 'quiet!', by: 'app' })
    actor.stop()
  })
})

describe('an event of an application', () => {
  it('is emitted by type, in order, with the chunk typed', async () => {
    const actor = createActor(logic, { input })
    const chunks: { heard: string }[] = []
    actor.on('chunk', ({ chunk }) => chunks.push(chunk))
    actor.start()
    await waitFor(actor, isWaiting)

    for (const word of ['one', 'two', 'stop']) actor.send({ type: 'message', message: hint(word) })
    await toPromise(actor)

    expect(chunks).toEqual([{ heard: 'one' }, { heard: 'two' }])
  })

  it('reaches a listener of all events, numbered without gaps', async () => {
    const actor = createActor(logic, { input })
    const seen: string[] = []
    const seqs: number[] = []
    actor.on('*', (event) => {
      seen.push(event.type)
      if ('seq' in event) seqs.push(event.seq)
    })
    actor.start()
    await waitFor(actor, isWaiting)

    for (const word of ['one', 'stop']) actor.send({ type: 'message', message: hint(word) })
    await toPromise(actor)

    expect(seen.filter((type) => type !== 'wait' && type !== 'wake')).toEqual([
      'run.start',
      'step.start',
      'message',
      'message',
      'chunk',
      'step.end',
      'run.end',
    ])
    expect(seqs).toEqual(seen.map((_, i) => i))
  })

  it('is emitted after the snapshot shows it', async () => {
    const actor = createActor(logic, { input })
    const pairs: [number, number][] = []
    actor.on('step.end', ({ sequenceId }) => pairs.push([sequenceId, actor.getSnapshot().sequenceId]))
    actor.start()
    await waitFor(actor, isWaiting)

    actor.send({ type: 'message', message: hint('stop') })
    await toPromise(actor)

    expect(pairs).toEqual([[0, 0]])
  })

  it('a message sent before the run has begun is kept', async () => {
    const actor = createActor(logic, { input }).start()
    const answers: unknown[] = []
    actor.on('chunk', ({ chunk }) => answers.push(chunk.heard))

    actor.send({ type: 'message', message: hint('early') })
    actor.send({ type: 'message', message: hint('stop') })

    expect((await toPromise(actor)).state.answer).toBe('q early')
    expect(answers).toEqual(['early'])
  })

  it('does not reach a listener that has left', async () => {
    const actor = createActor(logic, { input })
    const chunks: unknown[] = []
    const { unsubscribe } = actor.on('chunk', ({ chunk }) => chunks.push(chunk))
    const yielded = emitted(actor, 'chunk')
    actor.start()
    await waitFor(actor, isWaiting)

    actor.send({ type: 'message', message: hint('one') })
    await yielded
    unsubscribe()
    for (const word of ['two', 'stop']) actor.send({ type: 'message', message: hint(word) })
    await toPromise(actor)

    expect(chunks).toEqual([{ heard: 'one' }])
  })

  it('reaches branches too: a message by its path, their chunks with theirs', async () => {
    const both = kit.mapStates({
      reads: [],
      writes: ['answers'],
      action: listen,
      states: { a: { prompt: 'a' }, b: { prompt: 'b' } },
      reduce: ({ results }) => ({ answers: results.map((result) => result.state.answer) }),
    })
    const listening = actorLogic(kit.graph({ actions: { both } }).runnable({ entrypoint: 'both' }))
    const actor = createActor(listening, { input: { state: {} } })
    const told: string[] = []
    actor.on('chunk', ({ chunk, path, action, source }) =>
      told.push(`${action}/${path[0]?.key} ${source}: ${chunk.heard}`),
    )
    const yielded = emitted(actor, 'chunk', 'both/a', 'both/b')
    actor.start()
    await waitFor(actor, isWaiting)

    actor.send({ type: 'message', message: hint('left'), path: 'both/a' })
    actor.send({ type: 'message', message: hint('right'), path: [{ map: 'both', visit: 1, key: 'b' }] })
    await yielded
    for (const key of ['a', 'b']) actor.send({ type: 'message', message: hint('stop'), path: `both/${key}` })

    expect((await toPromise(actor)).state.answers).toEqual(['a left', 'b right'])
    expect(told).toEqual(['both/a both: left', 'both/b both: right'])
  })

  it('can be emitted again by a machine', async () => {
    const machine = setup({
      types: {} as { events: { type: 'go' }; emitted: { type: 'answered'; answer: string } },
      actors: { chat: logic },
    }).createMachine({
      initial: 'open',
      states: {
        open: {
          invoke: {
            src: 'chat',
            id: 'chat',
            systemId: 'chat',
            input,
            onDone: {
              target: 'closed',
              actions: emit(({ event }) => ({ type: 'answered' as const, answer: event.output.state.answer })),
            },
          },
          on: { go: { actions: sendTo('chat', { type: 'message', message: hint('stop') }) } },
        },
        closed: { type: 'final' },
      },
    })
    const actor = createActor(machine)
    const answers: string[] = []
    actor.on('answered', ({ answer }) => answers.push(answer))
    actor.start()
    await waitFor(actor.system.get('chat'), isWaiting)

    actor.send({ type: 'go' })
    await waitFor(actor, ({ status }) => status === 'done')

    expect(answers).toEqual(['q'])
  })
})

describe("XState's own type tools", () => {
  it('read the input, output, snapshot, events and emitted events off the logic', () => {
    type Emitted = EmittedFrom<typeof logic>

    expectTypeOf<InputFrom<typeof logic>['state']>().toEqualTypeOf<Pick<Chat, 'prompt'>>()
    expectTypeOf<OutputFrom<typeof logic>['state']>().toEqualTypeOf<Readonly<Chat>>()
    expectTypeOf<OutputFrom<typeof logic>['status']>().toEqualTypeOf<'halted' | 'finished' | 'cancelled'>()
    expectTypeOf<SnapshotFrom<typeof logic>['state']>().toEqualTypeOf<Readonly<Chat>>()
    expectTypeOf<EventFromLogic<typeof logic>['type']>().toEqualTypeOf<'cancel' | 'message'>()
    expectTypeOf<Extract<Emitted, { type: 'chunk' }>['chunk']>().toEqualTypeOf<{ heard: string }>()
    expectTypeOf<Extract<Emitted, { type: 'step.end'; status: 'done' }>['state']>().toEqualTypeOf<Readonly<Chat>>()
  })

  it('refuse events and inputs that no application takes', () => {
    const actor = createActor(logic, { input })

    // @ts-expect-error there is no such event
    actor.send({ type: 'pause' })
    // @ts-expect-error a message has a kind and a body
    expect(() => actor.send({ type: 'message', message: 'hello' })).not.toThrow()
    // @ts-expect-error the entrypoint reads `prompt`
    createActor(logic, { input: { state: {} } })
    // @ts-expect-error a chunk is an object here
    actor.on('chunk', ({ chunk }) => chunk.toUpperCase())
  })
})
