import { actorLogic, defineState, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { assign, createActor, sendTo, setup, stopChild, toPromise, waitFor } from 'xstate'
import { defer, flush, untilAborted } from '../support/deferred.js'

interface Talk {
  topic: string
  answer: string
  answers: string[]
}
const kit = defineState<Talk>()

/** An application of one action that waits for the test; a deaf run ignores its signal. */
function answering() {
  const calls: { topic: string; answer: (text: string) => void; aborted: unknown[] }[] = []
  const called = [defer(), defer(), defer()]
  const ask = kit.action({
    reads: ['topic'],
    writes: ['answer'],
    inputs: { deaf: type<boolean>({ default: false }) },
    async run({ state, inputs, signal }) {
      const gate = defer<string>()
      const call = { topic: state.topic, answer: gate.resolve, aborted: [] as unknown[] }
      called[calls.push(call) - 1]?.resolve()
      signal.addEventListener('abort', () => call.aborted.push(signal.reason))
      const answer = await (inputs.deaf ? gate.promise : Promise.race([gate.promise, untilAborted(signal)]))
      return { answer }
    },
  })
  const logic = actorLogic(kit.graph({ actions: { ask } }).runnable({ entrypoint: 'ask' }))
  return { calls, called: (count: number) => called[count - 1]?.promise, logic }
}

/** Asks, and asks again on each `again`; can be cancelled and left. */
function asking(deaf = false) {
  const { calls, called, logic } = answering()
  const machine = setup({
    types: {} as {
      context: { round: number; log: string[] }
      events: { type: 'cancel'; why: string } | { type: 'leave' } | { type: 'again' }
    },
    actors: { research: logic },
  }).createMachine({
    context: { round: 0, log: [] },
    initial: 'asking',
    states: {
      asking: {
        entry: assign({ round: ({ context }) => context.round + 1 }),
        invoke: {
          id: 'research',
          src: 'research',
          input: ({ context }) => ({ state: { topic: `round ${context.round}` }, inputs: { deaf } }),
          onDone: {
            target: 'idle',
            actions: assign({
              log: ({ context, event: { output } }) => [
                ...context.log,
                output.status === 'cancelled' ? `cancelled: ${output.reason}` : output.state.answer,
              ],
            }),
          },
          onError: { target: 'idle', actions: assign({ log: ['failed'] }) },
        },
        on: {
          cancel: { actions: sendTo('research', ({ event }) => ({ type: 'cancel', reason: event.why })) },
          leave: 'idle',
          again: { target: 'asking', reenter: true },
        },
      },
      idle: { on: { again: 'asking' } },
    },
  })
  return { calls, called, actor: createActor(machine).start() }
}
const isStop = expect.objectContaining({ name: 'CancelledError', cancelCause: 'stop' })

describe('a machine that invokes an application', () => {
  it('cancels it by an event, and gets the outcome', async () => {
    const { actor, calls, called } = asking()
    await called(1)

    actor.send({ type: 'cancel', why: 'too slow' })
    const aborted = [...(calls[0]?.aborted ?? [])]
    await waitFor(actor, (snapshot) => snapshot.matches('idle'))

    expect(aborted).toEqual(['too slow'])
    expect(actor.getSnapshot().context).toEqual({ round: 1, log: ['cancelled: too slow'] })
  })

  it('stops it by leaving the state: the signal fires at once, and a later result is dropped', async () => {
    const { actor, calls, called } = asking(true)
    await called(1)

    actor.send({ type: 'leave' })
    const aborted = [...(calls[0]?.aborted ?? [])]
    calls[0]?.answer('late')
    await flush()

    expect(aborted).toEqual([isStop])
    expect(actor.getSnapshot()).toMatchObject({ value: 'idle', context: { round: 1, log: [] } })
  })

  it('starts it afresh when the state is entered again', async () => {
    const { actor, calls, called } = asking()
    await called(1)

    actor.send({ type: 'cancel', why: 'wrong' })
    await waitFor(actor, (snapshot) => snapshot.matches('idle'))
    actor.send({ type: 'again' })
    await called(2)
    calls[1]?.answer('forty-two')
    await waitFor(actor, (snapshot) => snapshot.matches('idle'))

    expect(calls.map(({ topic }) => topic)).toEqual(['round 1', 'round 2'])
    expect(actor.getSnapshot().context.log).toEqual(['cancelled: wrong', 'forty-two'])
  })

  it('never takes the result of an earlier entry for the present one', async () => {
    const { actor, calls, called } = asking(true)
    await called(1)

    actor.send({ type: 'again' })
    await called(2)
    calls[0]?.answer('of round 1')
    await flush()
    const between = actor.getSnapshot().value
    calls[1]?.answer('of round 2')
    await waitFor(actor, (snapshot) => snapshot.matches('idle'))

    expect(between).toBe('asking')
    expect(calls[0]?.aborted).toEqual([isStop])
    expect(actor.getSnapshot().context.log).toEqual(['of round 2'])
  })

  it('starts nothing for an entry that is left in the same tick', async () => {
    const { actor, calls } = asking()

    actor.send({ type: 'leave' })
    await flush()

    expect(calls).toEqual([])
    expect(actor.getSnapshot()).toMatchObject({ value: 'idle', context: { log: [] } })
  })

  it('fires the signals of all branches in the same tick when it is stopped itself', async () => {
    const { logic, seen } = comparing()
    const machine = setup({ actors: { compare: logic } }).createMachine({
      invoke: { src: 'compare', input: { state: { topic: 't' } } },
    })
    const actor = createActor(machine).start()
    await flush()

    actor.stop()

    expect(seen).toEqual({ running: ['a', 'b', 'c'], aborted: ['a', 'b', 'c'], ended: [] })
    await flush()
    expect(seen.ended).toEqual(['a', 'b', 'c'])
  })
})

describe('a machine that spawns applications', () => {
  it('runs several side by side, and stops a single one', async () => {
    const { calls, called, logic } = answering()
    const machine = setup({
      types: {} as {
        context: { answers: string[] }
        events: { type: 'stop'; id: string } | { type: `xstate.done.actor.${string}`; output: { state: Talk } }
      },
      actors: { research: logic },
    }).createMachine({
      context: ({ spawn }) => {
        for (const id of ['x', 'y', 'z']) spawn('research', { id, input: { state: { topic: id } } })
        return { answers: [] }
      },
      on: {
        stop: { actions: stopChild(({ event }) => event.id) },
        'xstate.done.actor.*': {
          actions: assign({ answers: ({ context, event }) => [...context.answers, event.output.state.answer] }),
        },
      },
    })
    const actor = createActor(machine).start()
    await called(3)

    actor.send({ type: 'stop', id: 'y' })
    for (const { topic, answer } of calls) answer(`about ${topic}`)
    await flush()

    expect(calls.map(({ topic, aborted }) => [topic, aborted])).toEqual([
      ['x', []],
      ['y', [isStop]],
      ['z', []],
    ])
    expect(actor.getSnapshot().context.answers).toEqual(['about x', 'about z'])
  })

  it('fails with an unhandled failure of one, and stops the others', async () => {
    const { calls, logic } = answering()
    const fail = kit.action({
      reads: [],
      writes: [],
      run: async () => {
        throw new RangeError('no')
      },
    })
    const failing = actorLogic(kit.graph({ actions: { fail } }).runnable({ entrypoint: 'fail' }))
    const machine = setup({ actors: { research: logic, failing } }).createMachine({
      invoke: [
        { src: 'research', input: { state: { topic: 'x' } } },
        { src: 'failing', input: { state: {} } },
      ],
    })
    const actor = createActor(machine)
    const errors: unknown[] = []
    actor.subscribe({ error: (error) => errors.push(error) })

    actor.start()
    await expect(toPromise(actor)).rejects.toThrow('no')

    expect(errors.map(String)).toEqual(['ActionError: Action "fail" failed (step 0): no'])
    expect(calls[0]?.aborted).toEqual([isStop])
  })
})

/** Three branches that wait for their signals, and log their ends. */
function comparing() {
  const seen = { running: [] as string[], aborted: [] as string[], ended: [] as string[] }
  const wait = kit.action({
    reads: ['topic'],
    writes: ['answer'],
    async run({ state, signal }) {
      seen.running.push(state.topic)
      signal.addEventListener('abort', () => seen.aborted.push(state.topic))
      try {
        return await untilAborted(signal)
      } finally {
        seen.ended.push(state.topic)
      }
    },
  })
  const compare = kit.mapStates({
    reads: ['topic'],
    writes: ['answers'],
    action: wait,
    states: { a: { topic: 'a' }, b: { topic: 'b' }, c: { topic: 'c' } },
    reduce: ({ results }) => ({ answers: results.map((result) => result.state.answer) }),
  })
  return { seen, logic: actorLogic(kit.graph({ actions: { compare } }).runnable({ entrypoint: 'compare' })) }
}
