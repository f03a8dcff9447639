// Types of failures: arguments and results of fallbacks, and refusals.
import { createApplication, defineState, type Retry, task, type } from 'teasel'

interface Chat {
  prompt: string
  answer: string
  verdict: 'good' | 'bad'
  answers: Record<string, string>
}
const chat = defineState<Chat>()
const ask = chat.action({
  reads: ['prompt'],
  writes: ['answer'],
  inputs: { model: type<string>() },
  retry: {
    attempts: 3,
    delayMs: 10,
    factor: 3,
    maxDelayMs: 1000,
    jitter: 0,
    when: ({ error, attempt }) => error instanceof RangeError && attempt < 2,
  },
  timeoutMs: 1000,
  run: async ({ state, inputs }) => ({ answer: `${inputs.model} ${state.prompt}` }),
  fallback: ({ error, state, inputs }) => ({ answer: `${state.prompt} ${inputs.model} ${String(error)}` }),
})
const judge = chat.action({
  reads: ['prompt'],
  writes: ['verdict'],
  run: () => ({ verdict: 'good' }),
  fallback: () => ({ verdict: 'bad' }),
})
const streamed = chat.action({
  reads: ['prompt'],
  writes: ['answer'],
  retry: 2,
  async *run({ context }) {
    yield context.attempt
    return { answer: '' }
  },
  fallback: ({ state }) => ({ answer: state.prompt }),
})
const bound = ask.bind({ model: 'm' })
const often: Retry = 3

export const overActions = chat.mapActions({
  reads: ['prompt'],
  writes: ['answers'],
  retry: often,
  timeoutMs: 100,
  actions: {
    bound,
    streamed: [streamed, { retry: 5, timeoutMs: 5, fallback: ({ state }) => ({ answer: String(state['prompt']) }) }],
  },
  fallback: ({ error, key, state }) => ({
    answer: `${key satisfies 'bound' | 'streamed'} ${state.answer ?? ''} ${String(error)}`,
  }),
  reduce: ({ branches }) => ({
    answers: { streamed: branches.streamed.state.answer, saved: String(branches.bound.recovered satisfies boolean) },
  }),
})
export const overStates = chat.mapStates({
  reads: ['prompt'],
  writes: ['answers'],
  settle: 'collect',
  action: bound,
  states: {
    a: [{ prompt: 'a' }, { retry: { attempts: 2 }, fallback: ({ state }) => ({ answer: `${state.prompt ?? ''}` }) }],
    b: {},
  },
  reduce: ({ branches }) => ({ answers: { a: branches.a.status === 'done' && branches.a.recovered ? 'saved' : '' } }),
})
export const tasks = chat.parallel({
  reads: ['prompt'],
  writes: ['answers'],
  tasks: { x: task({ action: bound, state: { prompt: '' }, retry: 2, fallback: () => ({ answer: '' }) }) },
  fallback: ({ state }) => ({ answer: state.answer ?? '' }),
  reduce: ({ branches }) => ({ answers: { x: branches.x.state.answer } }),
})
export const below = chat.subgraph({
  reads: ['prompt'],
  writes: ['answer'],
  graph: chat.graph({ actions: { bound } }).runnable({ entrypoint: 'bound' }),
  state: ({ state }) => ({ prompt: state.prompt }),
  retry: 2,
  timeoutMs: 10,
  fallback: ({ error }) => ({ answer: String(error) }),
  reduce: ({ branch }) => ({ answer: branch.state.answer }),
})
const graph = chat.graph({
  actions: { bound, judge },
  onError: { bound: [{ to: 'judge', when: ({ error }) => error instanceof RangeError }] },
})
const app = createApplication(graph, { entrypoint: 'bound', state: { prompt: '' }, random: () => 0.5 })
app.on('retry', ({ attempt, delayMs, at, level, source, action, error }) => [
  attempt + delayMs + at,
  level satisfies 'action' | 'branch' | 'reduce',
  source.length,
  action satisfies 'bound' | 'judge',
  error,
])
app.on('step.end', (event) => [event.attempt.toFixed(), event.status === 'done' && event.recovered])

const one = { reads: ['prompt'], writes: ['answer'] } as const
const run = () => ({ answer: '' })
// @ts-expect-error a fallback gives every key that the action writes
chat.action({ ...one, run, fallback: () => ({}) })
// @ts-expect-error of the right type
chat.action({ ...one, run, fallback: () => ({ answer: 1 }) })
// @ts-expect-error and no other key of the state
chat.action({ ...one, run, fallback: () => ({ answer: '', verdict: 'good' }) })
// @ts-expect-error it sees what the action reads, and nothing else
chat.action({ ...one, run, fallback: ({ state }) => ({ answer: state.verdict }) })
// @ts-expect-error it answers at once
chat.action({ ...one, run, fallback: async () => ({ answer: '' }) })
// @ts-expect-error an error is looked at before it is used
chat.action({ ...one, run, fallback: ({ error }) => ({ answer: error.message }) })
// @ts-expect-error attempts are required
chat.action({ ...one, run, retry: { delayMs: 10 } })
// @ts-expect-error no such option of a retry
chat.action({ ...one, run, retry: { attempts: 2, delay: 10 } })
// @ts-expect-error a predicate answers true or false
chat.action({ ...one, run, retry: { attempts: 2, when: () => 'yes' } })
// @ts-expect-error a retry is a number or a record
chat.action({ ...one, run, retry: 'twice' })
const many = { reads: ['prompt'], writes: ['answers'] } as const
const reduce = () => ({ answers: {} })
// @ts-expect-error the fallback of a branch gives keys of its state, of their type
chat.mapActions({ ...many, actions: { bound }, fallback: () => ({ answer: 1 }), reduce })
// @ts-expect-error also where it stands in the entry
chat.mapActions({ ...many, actions: { bound: [bound, { fallback: () => ({ answer: 1 }) }] }, reduce })
// @ts-expect-error and over states
chat.mapStates({ ...many, action: bound, states: { a: [{}, { fallback: () => ({ answer: 1 }) }] }, reduce })
// @ts-expect-error and of a task
task({ action: bound, state: { prompt: '' }, fallback: () => ({ answer: 1 }) })
// @ts-expect-error a branch has no such key
chat.mapActions({ ...many, actions: { bound }, fallback: ({ key }) => ({ answer: key satisfies 'other' }), reduce })
// @ts-expect-error entries take a retry, not "retries"
chat.mapActions({ ...many, actions: { bound: [bound, { retries: 2 }] }, reduce })
