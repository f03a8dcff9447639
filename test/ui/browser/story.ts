import { createApplication, createLimit, defineMessage, defineState, type Tracker } from 'teasel'
import type { Persister } from 'teasel/persistence'
import { z } from 'zod'
import { defer } from '../../support/deferred.js'
import { quiet } from '../../support/quiet-logger.js'

// The runs that the tests of the page look at: one of each thing that a page shows.

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    })
  })

interface Agent {
  question: string
  plan: { step: number; goal: string }
  observations: { tool: string; hits: number }[]
  scratch: string
  answer: string
}

const agent = defineState<Agent>()
const plan = agent.action({
  reads: ['question'],
  writes: ['plan', 'observations', 'scratch'],
  run: ({ state, context }) => {
    context.log('A plan is made', { question: state.question })
    return { plan: { step: 0, goal: state.question }, observations: [], scratch: 'first thoughts' }
  },
})
const decide = agent.action({
  reads: ['plan'],
  writes: ['plan'],
  run: ({ state }) => ({ plan: { ...state.plan, step: state.plan.step + 1 } }),
})
const callTool = agent.action({
  reads: ['plan', 'observations'],
  writes: ['observations'],
  retry: { attempts: 3, delayMs: 1 },
  run: async ({ state, context }) =>
    context.span('search', async (span) => {
      span.log(`Searching for ${state.plan.goal}`)
      await context.span('fetch', () => undefined, { url: 'https://example.test/swallow' })
      span.attributes({ hits: state.plan.step * 8 })
      return { observations: [...state.observations, { tool: 'search', hits: state.plan.step * 8 }] }
    }),
})
const answer = agent.action({
  reads: ['observations'],
  writes: ['answer', 'scratch'],
  async *run({ state }) {
    const text = `The airspeed velocity of an unladen European swallow is roughly eleven metres per second, by ${state.observations.length} observations.`
    for (const word of text.split(/(?<= )/)) yield word
    return { answer: text, scratch: '' }
  },
})
const agentGraph = agent.graph({
  actions: { plan, decide, call_tool: callTool, answer },
  transitions: {
    plan: 'decide',
    decide: [{ to: 'call_tool', when: ({ state }) => state.plan.step < 13 }, { to: 'answer' }],
    call_tool: 'decide',
  },
})

/** A loop of an agent: 27 steps, logs, spans, a stream at its end. */
const runAgent = (tracker: Tracker, appId = 'agent-1', question = 'airspeed of a swallow') =>
  createApplication(agentGraph, { appId, entrypoint: 'plan', state: { question }, tracker, logger: quiet }).run()

interface Prompt {
  prompt: string
  processed: string
  reply: string
}
const prompt = defineState<Prompt>()
const processPrompt = prompt.action({
  reads: ['prompt'],
  writes: ['processed'],
  run: ({ state }) => ({ processed: state.prompt.toUpperCase() }),
})
const queryModel = prompt.action({
  reads: ['prompt', 'processed'],
  writes: ['reply'],
  run: async ({ state, signal }) => {
    const n = [...state.prompt].reduce((sum, sign) => sum + (sign.codePointAt(0) ?? 0), 0)
    await pause(state.prompt.startsWith('never') ? 60_000 : n % 9, signal)
    if (n % 41 === 0) throw new RangeError('429: too many requests')
    if (n % 97 === 0) throw new TypeError('the model replied with no text')
    return { reply: `${state.processed}!` }
  },
})
const score = prompt.action({
  reads: ['reply'],
  writes: ['reply'],
  run: ({ state }) => ({ reply: `${state.reply} (${state.reply.length})` }),
})
const promptBranch = prompt
  .graph({
    actions: { process_prompt: processPrompt, query_llm: queryModel, score },
    transitions: { process_prompt: 'query_llm', query_llm: 'score' },
  })
  .runnable({ entrypoint: 'process_prompt' })

interface Survey {
  prompts: Record<string, string>
  replies: string[]
  rounds: number
}
const survey = defineState<Survey>()
const generate = survey.action({
  reads: ['rounds'],
  writes: ['rounds'],
  run: ({ state }) => ({ rounds: state.rounds + 1 }),
})
const ask = survey.mapStates({
  reads: ['prompts'],
  writes: ['replies'],
  settle: 'collect',
  concurrency: 8,
  action: promptBranch,
  states: ({ state }) =>
    Object.fromEntries(Object.entries(state.prompts).map(([key, text]) => [key, { prompt: text }])),
  watch: ({ event, cancel }) => {
    if (event.type === 'step.end' && event.action === 'process_prompt' && event.key.startsWith('never'))
      cancel(event.key, 'the budget is spent')
  },
  reduce: ({ results }) => ({ replies: results.map(({ key, status }) => `${key}: ${status}`) }),
})
const judge = survey.action({ reads: ['replies'], writes: [], run: () => ({}) })
const surveyGraph = survey.graph({
  actions: { generate_prompts: generate, multi_prompt_test: ask, judge },
  transitions: {
    generate_prompts: 'multi_prompt_test',
    multi_prompt_test: 'judge',
    judge: [{ to: 'generate_prompts', when: ({ state }) => state.rounds < 2 }],
  },
})

/** Branches with steps of their own, some of which fail or are cancelled; twice. */
export const runSurvey = (tracker: Tracker, appId: string, prompts: Readonly<Record<string, string>>) =>
  createApplication(surveyGraph, {
    ...{ appId, entrypoint: 'generate_prompts', tracker, logger: quiet },
    state: { prompts, replies: [], rounds: 0 },
  }).run()

export const FEW = { 'meaning of life': 'life', 'unladen swallow': 'bird', 'never ends': 'never' }
/** @param n how many prompts */
const manyPrompts = (n: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Array.from({ length: n }, (_, i) => [
      i % 83 === 80 ? `never ${i}` : `prompt ${i}`,
      i % 83 === 80 ? 'never' : `topic ${i}`,
    ]),
  )

interface Deep {
  n: number
  sum: number
}
const deep = defineState<Deep>()
const leaf = deep.action({ reads: ['n'], writes: ['sum'], run: ({ state }) => ({ sum: state.n }) })
const years = deep.mapStates({
  reads: ['n'],
  writes: ['sum'],
  action: leaf,
  states: ({ state }) => Object.fromEntries(['1790', '1862', '1941'].map((key, i) => [key, { n: state.n + i }])),
  reduce: ({ results }) => ({ sum: results.reduce((sum, one) => sum + one.state.sum, 0) }),
})
const inner = deep.graph({ actions: { count: years } }).runnable({ entrypoint: 'count' })
const presidents = deep.mapStates({
  reads: ['n'],
  writes: ['sum'],
  action: inner,
  states: ({ state }) => ({ Lincoln: { n: state.n }, Roosevelt: { n: state.n + 1 } }),
  reduce: ({ results }) => ({ sum: results.reduce((sum, one) => sum + one.state.sum, 0) }),
})
const outer = deep.graph({ actions: { compare: presidents } })

/** A map at its first step, with maps in its branches. */
const runNested = (tracker: Tracker) =>
  createApplication(outer, { appId: 'nested-1', entrypoint: 'compare', state: { n: 1, sum: 0 }, tracker }).run()

const queueing = deep.mapStates({
  reads: ['n'],
  writes: ['sum'],
  action: deep.action({
    reads: ['n'],
    writes: ['sum'],
    async run({ state, signal }) {
      await pause(120 + 40 * state.n, signal)
      return { sum: state.n }
    },
  }),
  concurrency: createLimit(2),
  states: Object.fromEntries(['red', 'green', 'blue', 'cyan', 'ink', 'gold'].map((key, n) => [key, { n }])),
  reduce: ({ results }) => ({ sum: results.length }),
})
const queued = deep.graph({ actions: { paint: queueing } })

/** A map whose branches wait for each other's permits. */
const runQueue = (tracker: Tracker) =>
  createApplication(queued, { appId: 'queue-1', entrypoint: 'paint', state: { n: 1, sum: 0 }, tracker }).run()

const products = deep.mapActionsAndStates({
  reads: ['n'],
  writes: ['sum'],
  settle: 'collect',
  actions: {
    first_answer: leaf,
    with_sources: deep.action({
      reads: ['n'],
      writes: ['sum'],
      run: ({ state }) => {
        if (state.n % 4 === 3) throw new RangeError('429: too many requests')
        return { sum: state.n }
      },
    }),
  },
  states: Object.fromEntries([...'abcdefgh'].map((key, n) => [`model-${key}`, { n }])),
  reduce: ({ results }) => ({ sum: results.length }),
})
const compared = deep.graph({ actions: { compare_models: products } })

/** A map of each action on each state. */
const runProduct = (tracker: Tracker) =>
  createApplication(compared, {
    appId: 'product-1',
    entrypoint: 'compare_models',
    state: { n: 1, sum: 0 },
    tracker,
  }).run()

/** A run that is cancelled while its code does not look at its signal. */
async function runDeaf(tracker: Tracker): Promise<void> {
  const began = defer()
  const run = (): Promise<never> => {
    began.resolve()
    return new Promise(() => {})
  }
  const listen = deep.action({ reads: [], writes: [], run })
  const options = { appId: 'deaf-1', entrypoint: 'listen', state: { n: 1, sum: 0 }, tracker, graceMs: 1 } as const
  const app = createApplication(deep.graph({ actions: { listen } }), { ...options, logger: quiet })
  const ended = app.run().catch(() => undefined)
  await began.promise
  await app.cancel({ reason: 'the budget is spent' })
  await ended
}

/** What a hostile model may write into a state, a title and a log. */
export const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u0007\u001b[31m\u202e"\'&'

const text = defineState<{ text: string; more: Record<string, string> }>()
const write = text.action({
  reads: [],
  writes: ['text', 'more'],
  run: ({ context }) => {
    context.log(HOSTILE, { [HOSTILE]: HOSTILE })
    return { text: HOSTILE, more: { [HOSTILE]: HOSTILE } }
  },
})
const fail = text.action({
  reads: ['text'],
  writes: ['text'],
  run: () => {
    throw new RangeError(HOSTILE)
  },
})
const hostileGraph = text.graph({ actions: { write, [HOSTILE]: fail }, transitions: { write: HOSTILE } })

/** A run whose every text is hostile; it fails. */
const runHostile = (tracker: Tracker) =>
  createApplication(hostileGraph, { appId: 'hostile-1', entrypoint: 'write', state: {}, tracker, logger: quiet })
    .run()
    .catch(() => undefined)

const steps = defineState<{ n: number }>()
const count = steps.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
/** A run of many steps. */
const runLong = (tracker: Tracker, most: number) =>
  createApplication(
    steps.graph({ actions: { count }, transitions: { count: [{ to: 'count', when: ({ state }) => state.n < most }] } }),
    { appId: 'long-1', entrypoint: 'count', state: { n: 0 }, tracker },
  ).run()

const decision = defineMessage(
  'decision',
  z.object({ approved: z.boolean(), amount: z.number().optional(), note: z.enum(['fine', 'too much']) }),
)
const expense = defineState<{ amount: number; receipt: string }>()
const review = expense.action({
  reads: ['amount'],
  writes: ['receipt'],
  run: async ({ state, context }) => {
    const { body } = await context.receiveOne(decision, {
      ask: { question: 'May this be paid?', amount: state.amount },
    })
    return { receipt: body.approved ? `paid ${body.amount ?? state.amount}` : `kept: ${body.note}` }
  },
})
export const expenseGraph = expense.graph({ actions: { review } })

/** A run that waits for a person. */
export const openExpense = (appId: string, more: { persister?: Persister; tracker?: Tracker }) =>
  createApplication(expenseGraph, {
    appId,
    entrypoint: 'review',
    state: { amount: 120, receipt: '' },
    ...more,
    logger: quiet,
  })

/** One run of each kind; that of the expense waits. */
export async function runAll(
  tracker: Tracker,
  { branches, steps }: { branches: number; steps: number },
): Promise<void> {
  await runAgent(tracker)
  await runAgent(tracker, 'agent-2', 'weight of a coconut')
  await runSurvey(tracker, 'survey-few', FEW)
  await runSurvey(tracker, 'survey-many', manyPrompts(branches))
  await runNested(tracker)
  await runQueue(tracker)
  await runProduct(tracker)
  await runDeaf(tracker)
  await runHostile(tracker)
  await runLong(tracker, steps)
  void openExpense('expense-1', { tracker }).run()
}
