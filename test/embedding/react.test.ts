// @vitest-environment happy-dom
import { useActor, useActorRef, useSelector } from '@xstate/react'
import {
  Activity,
  type ActivityProps,
  act,
  Component,
  createElement,
  type ReactNode,
  StrictMode,
  useEffect,
} from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { actorLogic, defineState, type } from 'teasel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Deferred, defer, flush, untilAborted } from '../support/deferred.js'

interface Draft {
  topic: string
  words: string[]
  text: string
}
const kit = defineState<Draft>()

/** A run of two steps that wait for the test, and the signals of its actions. */
function drafting() {
  const gates = { collect: defer(), write: defer() }
  const seen = { collect: 0, write: 0, aborted: [] as unknown[] }
  const hold = async (gate: Deferred<void>, signal: AbortSignal) => {
    signal.addEventListener('abort', () => seen.aborted.push(signal.reason))
    await Promise.race([gate.promise, untilAborted(signal)])
  }
  const collect = kit.action({
    reads: ['topic'],
    writes: ['words'],
    async run({ state, signal }) {
      seen.collect += 1
      await hold(gates.collect, signal)
      return { words: [state.topic, 'burr'] }
    },
  })
  const write = kit.action({
    reads: ['words'],
    writes: ['text'],
    inputs: { end: type<string>() },
    async *run({ state, inputs, signal }) {
      seen.write += 1
      for (const word of state.words) yield word
      await hold(gates.write, signal)
      return { text: state.words.join(' ') + inputs.end }
    },
  })
  const logic = actorLogic(
    kit.graph({ actions: { collect, write }, transitions: { collect: 'write' } }).runnable({ entrypoint: 'collect' }),
  )
  return { gates, seen, logic, options: { input: { state: { topic: 'teasel' }, inputs: { end: '.' } } } }
}

const page = globalThis as unknown as {
  IS_REACT_ACT_ENVIRONMENT: boolean
  document: { createElement(tag: string): { textContent: string } }
}
let container: { textContent: string }
let root: Root
beforeEach(() => {
  page.IS_REACT_ACT_ENVIRONMENT = true
  container = page.document.createElement('div')
  root = createRoot(container as never)
})
afterEach(() => act(() => root.unmount()))

const strictly = (node: ReactNode) => act(async () => root.render(createElement(StrictMode, null, node)))
/** Continues the run, and lets React render it. */
const proceed = (go: () => void = () => {}) =>
  act(async () => {
    go()
    await flush()
  })

describe('useActor under StrictMode', () => {
  it('runs the application once, to its end, and shows each step', async () => {
    const { gates, seen, logic, options } = drafting()
    const shown: string[] = []
    function View() {
      const [snapshot] = useActor(logic, options)
      const line = `${snapshot.status} ${snapshot.value ?? '-'} → ${snapshot.next ?? '-'} ${snapshot.state.text ?? ''}`
      if (shown.at(-1) !== line) shown.push(line)
      return createElement('p', null, line)
    }

    await strictly(createElement(View))
    await proceed(gates.collect.resolve)
    await proceed(gates.write.resolve)

    expect(shown).toEqual([
      'active - → collect ',
      'active collect → write ',
      'active write → - teasel burr.',
      'done write → - teasel burr.',
    ])
    expect(container.textContent).toBe('done write → - teasel burr.')
    expect(seen).toEqual({ collect: 1, write: 1, aborted: [] })
  })

  it('passes every chunk to the component, once', async () => {
    const { gates, logic, options } = drafting()
    const chunks: string[] = []
    function View() {
      const [, , actor] = useActor(logic, options)
      useEffect(() => {
        const { unsubscribe } = actor.on('chunk', ({ chunk }) => void chunks.push(chunk))
        return unsubscribe
      }, [actor])
      return null
    }

    await strictly(createElement(View))
    await proceed(gates.collect.resolve)
    await proceed(gates.write.resolve)

    expect(chunks).toEqual(['teasel', 'burr'])
  })

  it('is cancelled by the component, and is done', async () => {
    const { seen, logic, options } = drafting()
    let cancel = () => {}
    function View() {
      const [snapshot, send] = useActor(logic, options)
      cancel = () => send({ type: 'cancel', reason: 'closed by the reader' })
      return createElement('p', null, `${snapshot.status} ${snapshot.output?.status ?? ''}`)
    }

    await strictly(createElement(View))
    await proceed(() => cancel())

    expect(container.textContent).toBe('done cancelled')
    expect(seen).toEqual({ collect: 1, write: 0, aborted: ['closed by the reader'] })
  })

  it('shows a selection of a ref by useSelector', async () => {
    const { gates, logic, options } = drafting()
    function View() {
      const actor = useActorRef(logic, options)
      const words = useSelector(actor, ({ state }) => state.words)
      return createElement('p', null, words?.join('+') ?? 'none')
    }

    await strictly(createElement(View))
    const before = container.textContent
    await proceed(gates.collect.resolve)

    expect([before, container.textContent]).toEqual(['none', 'teasel+burr'])
  })

  it('throws a failure of the run to the error boundary', async () => {
    const fail = kit.action({
      reads: [],
      writes: [],
      run: () => {
        throw new RangeError('no words')
      },
    })
    const logic = actorLogic(kit.graph({ actions: { fail } }).runnable({ entrypoint: 'fail' }))
    class Boundary extends Component<{ readonly children: ReactNode }, { readonly said?: string }> {
      override state: { readonly said?: string } = {}
      static getDerivedStateFromError(error: Error) {
        return { said: error.message }
      }
      override render() {
        return this.state.said ?? this.props.children
      }
    }
    function View() {
      const [snapshot] = useActor(logic, { input: { state: {} } })
      return snapshot.status
    }
    container = page.document.createElement('div')
    root = createRoot(container as never, { onCaughtError: () => {} })

    await strictly(createElement(Boundary, null, createElement(View)))
    await proceed()

    expect(container.textContent).toBe('Action "fail" failed (step 0): no words')
  })
})

describe('a component that is hidden', () => {
  it('stops the run, and resumes it at the stopped step when shown again', async () => {
    const { gates, seen, logic, options } = drafting()
    function View() {
      const [snapshot] = useActor(logic, options)
      return createElement('p', null, `${snapshot.status} ${snapshot.state.text ?? ''}`)
    }
    const show = (mode: 'visible' | 'hidden') =>
      strictly(createElement(Activity, { mode } as ActivityProps, createElement(View)))

    await show('visible')
    await proceed(gates.collect.resolve)
    await show('hidden')
    await proceed(gates.write.resolve)
    const hidden = { ...seen, aborted: seen.aborted.length }
    await show('visible')
    await proceed()

    expect(hidden).toEqual({ collect: 1, write: 1, aborted: 1 })
    expect(seen).toMatchObject({ collect: 1, write: 2 })
    expect(container.textContent).toBe('done teasel burr.')
  })

  it('runs a map from its first branch when shown again', async () => {
    const gate = defer()
    const ran: string[] = []
    const quick = kit.action({
      reads: [],
      writes: ['text'],
      run() {
        ran.push('quick')
        return { text: '' }
      },
    })
    const slow = kit.action({
      reads: [],
      writes: ['text'],
      async run({ signal }) {
        ran.push('slow')
        await Promise.race([gate.promise, untilAborted(signal)])
        return { text: '' }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['text'],
      actions: { quick, slow },
      reduce: ({ results }) => ({ text: results.map(({ status }) => status).join() }),
    })
    const logic = actorLogic(kit.graph({ actions: { map } }).runnable({ entrypoint: 'map' }))
    function View() {
      const [snapshot] = useActor(logic, { input: { state: {} } })
      return createElement('p', null, `${snapshot.status} ${snapshot.state.text ?? ''}`)
    }
    const show = (mode: 'visible' | 'hidden') =>
      strictly(createElement(Activity, { mode } as ActivityProps, createElement(View)))

    await show('visible')
    await proceed()
    await show('hidden')
    await proceed()
    await show('visible')
    await proceed(gate.resolve)

    expect(ran).toEqual(['quick', 'slow', 'quick', 'slow'])
    expect(container.textContent).toBe('done done,done')
  })
})

describe('a component that unmounts', () => {
  it('stops the run: its signal fires, and no later state is seen', async () => {
    const { gates, seen, logic, options } = drafting()
    function View() {
      const [snapshot] = useActor(logic, options)
      return snapshot.status
    }

    await strictly(createElement(View))
    await proceed()
    await act(async () => root.render(null))
    await proceed(gates.collect.resolve)

    expect(seen).toEqual({
      collect: 1,
      write: 0,
      aborted: [expect.objectContaining({ name: 'CancelledError', cancelCause: 'stop' })],
    })
  })

  it('fires the signals of all branches', async () => {
    const { logic, running, aborted } = comparing()
    function View() {
      const [snapshot] = useActor(logic, { input: { state: { topic: 't' } } })
      return snapshot.status
    }

    await strictly(createElement(View))
    await proceed()
    const before = [...running]
    await act(async () => root.render(null))

    expect(before).toEqual(['a', 'b', 'c'])
    expect(aborted).toEqual(['a', 'b', 'c'])
  })

  it('starts nothing when it unmounts before the run has begun', async () => {
    const { seen, logic, options } = drafting()
    function View() {
      const [snapshot] = useActor(logic, options)
      return snapshot.status
    }

    act(() => {
      root.render(createElement(StrictMode, null, createElement(View)))
    })
    act(() => {
      root.render(null)
    })
    await proceed()

    expect(seen).toEqual({ collect: 0, write: 0, aborted: [] })
  })
})

/** Three branches that wait for their signals. */
function comparing() {
  const running: string[] = []
  const aborted: string[] = []
  const wait = kit.action({
    reads: ['topic'],
    writes: ['text'],
    run({ state, signal }) {
      running.push(state.topic)
      signal.addEventListener('abort', () => aborted.push(state.topic))
      return untilAborted(signal)
    },
  })
  const compare = kit.mapStates({
    reads: ['topic'],
    writes: ['words'],
    action: wait,
    states: [{ topic: 'a' }, { topic: 'b' }, { topic: 'c' }],
    reduce: ({ results }) => ({ words: results.map((result) => result.state.text) }),
  })
  const logic = actorLogic(kit.graph({ actions: { compare } }).runnable({ entrypoint: 'compare' }))
  return { logic, running, aborted }
}
