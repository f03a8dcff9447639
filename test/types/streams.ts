// Types of the readers of an application: uses and refusals.
import {
  createApplication,
  type Dropped,
  defineState,
  type EventOf,
  type IteratedStep,
  merge,
  type ReadEventOf,
  type StepBelow,
  type StepOf,
} from 'teasel'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>) => {}

const kit = defineState<{ n: number; text: string }>()
const tokens = kit.action({
  reads: ['n'],
  writes: ['text'],
  async *run() {
    yield { token: '' }
    return { text: '' }
  },
})
const numbers = kit.action({
  reads: ['n'],
  writes: ['n'],
  async *run({ state }) {
    yield 1
    return { n: state.n }
  },
})
const still = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => state })
const graph = kit.graph({ actions: { tokens, numbers, still }, transitions: { tokens: 'numbers', numbers: 'still' } })
const app = createApplication(graph, { entrypoint: 'tokens', state: { n: 0 } })
const other = createApplication(kit.graph({ actions: { still } }), { entrypoint: 'still', state: { n: 0 } })

export async function streams() {
  for await (const event of app.stream({ include: ['chunk'] })) {
    same<typeof event.type, 'chunk'>(true)
    same<typeof event.action, 'tokens' | 'numbers'>(true)
    if (event.action === 'numbers') event.chunk.toFixed()
    else event.chunk.token.trim()
  }
  for await (const event of app.stream({ include: ['chunk', 'run.end'], haltAfter: 'numbers', detach: true }))
    same<typeof event.type, 'chunk' | 'run.end'>(true)
  for await (const event of app.stream({ actions: ['tokens'] })) {
    same<typeof event.action, 'tokens'>(true)
    if (event.type === 'chunk') event.chunk.token.trim()
    if (event.type === 'step.end' && event.status === 'done') event.update.text.trim()
  }
  for await (const event of app.stream({ include: ['step.end'], actions: ['still'], keys: ['a'], depth: 2 }))
    if (event.status === 'done') event.update.n.toFixed()
  const end = await app.stream({ haltAfter: 'still' }).next()
  if (end.done === true && end.value.status === 'halted') same<typeof end.value.action, 'still'>(true)

  // @ts-expect-error no such event
  app.stream({ include: ['chunks'] })
  // @ts-expect-error a stream loses nothing
  app.stream({ include: ['dropped'] })
  // @ts-expect-error no such action
  app.stream({ actions: ['token'] })
  // @ts-expect-error a list
  app.stream({ keys: 'a' })
  // @ts-expect-error a number
  app.stream({ depth: 'all' })
  for await (const event of app.stream({ include: ['step.end'] })) {
    // @ts-expect-error a step that ended is no chunk
    event.chunk
  }
  for await (const event of app.stream({ actions: ['still'] })) {
    // @ts-expect-error not a streaming action
    if (event.type === 'chunk') return
  }
}

export async function further() {
  for await (const event of app.events()) if (event.type === 'dropped') event.count.toFixed()
  for await (const event of app.events({ include: ['chunk'], buffer: 10 })) {
    same<typeof event.type, 'chunk' | 'dropped'>(true)
    if (event.type === 'chunk' && event.action === 'numbers') event.chunk.toFixed()
  }
  for await (const event of app.events({ include: ['run.end'] })) same<typeof event.type, 'run.end'>(true)
  // @ts-expect-error a further reader starts no run
  app.events({ haltAfter: 'still' })
  // @ts-expect-error a fact about one reader, not available to listeners
  app.on('dropped', () => {})
}

export async function steps() {
  for await (const step of app.iterate({ depth: 1 })) {
    if ('path' in step) {
      same<typeof step, StepBelow<'tokens' | 'numbers' | 'still'>>(true)
      step.path.length.toFixed()
    } else if (step.action === 'tokens') step.update.text.trim()
  }
  for await (const step of app.iterate()) {
    // @ts-expect-error its own steps have no path
    step.path
  }
  const outcome = await app.ended()
  if (outcome?.status === 'cancelled') outcome.by.trim()
}

async function* words(): AsyncGenerator<string, number, void> {
  yield ''
  return 1
}
export async function joined() {
  const both = merge(app.stream({ include: ['chunk'] }), other.stream({ haltAfter: 'still' }), words())
  const first = await both.next()
  if (first.done === true) {
    const [a, b, c] = first.value
    if (a.status === 'finished') same<typeof a.action, 'tokens' | 'numbers' | 'still'>(true)
    if (b.status === 'halted') same<typeof b.action, 'still'>(true)
    same<typeof c, number>(true)
  } else if (typeof first.value === 'string') first.value.trim()
  else if (first.value.type === 'chunk' && first.value.action === 'numbers') first.value.chunk.toFixed()
  // @ts-expect-error an application is not a stream
  merge(app)
}

type S = { n: number; text: string }
type A = (typeof graph)['actions']
same<Extract<ReadEventOf<S, A, 'chunk'>, { type: 'dropped' }>, Dropped>(true)
same<EventOf<S, A, 'chunk', 'still'>, never>(true)
same<IteratedStep<S, A, 0>, StepOf<S, A>>(true)
