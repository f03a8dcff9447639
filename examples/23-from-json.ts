// A graph that is built from data: what an editor saved, or a model wrote.
//
// The data names actions of a few kinds and the ways between them. A record of `AnyAction` fits `actions`, and a list
// that is made of data fits `transitions`; the compiler then checks neither, so the graph does when it is made, and it
// tells every fault at once. The mistake to avoid is to trust the data: it is parsed by a schema before it is used.

import { type AnyAction, createApplication, type DynamicTransitions, defineState, GraphError, type When } from 'teasel'
import { z } from 'zod'
import { addresses, quoteOf } from './addresses.js'

const drawing = z.object({
  entrypoint: z.string(),
  actions: z.record(
    z.string(),
    z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('find'), word: z.string(), writes: z.string() }),
      z.object({ kind: z.literal('shorten'), reads: z.string(), writes: z.string(), words: z.number() }),
      z.object({ kind: z.literal('join'), reads: z.array(z.string()), writes: z.string() }),
    ]),
  ),
  transitions: z.record(
    z.string(),
    z.array(z.object({ to: z.string(), when: z.record(z.string(), z.string()).optional() })),
  ),
})
type Drawing = z.infer<typeof drawing>
type Data = Record<string, string>

const kit = defineState<Data>()

/** One function for each kind of action that a drawing may have. */
function actionOf(drawn: Drawing['actions'][string]): AnyAction {
  switch (drawn.kind) {
    case 'find':
      return kit.action({
        reads: [],
        writes: [drawn.writes],
        run: () => ({ [drawn.writes]: addresses.flatMap((one) => quoteOf(drawn.word, one) ?? [])[0] ?? 'nothing' }),
      })
    case 'shorten':
      return kit.action({
        reads: [drawn.reads],
        writes: [drawn.writes],
        run: ({ state }) => ({ [drawn.writes]: state[drawn.reads]?.split(' ').slice(0, drawn.words).join(' ') ?? '' }),
      })
    case 'join':
      return kit.action({
        reads: drawn.reads,
        writes: [drawn.writes],
        run: ({ state }) => ({ [drawn.writes]: drawn.reads.map((key) => state[key]).join(' / ') }),
      })
  }
}

/** The graph of a drawing, given as JSON, and the action that it starts with. */
export function graphOf(json: string) {
  const { entrypoint, ...drawn } = drawing.parse(JSON.parse(json))
  const actions: Record<string, AnyAction> = {}
  for (const [name, one] of Object.entries(drawn.actions)) actions[name] = actionOf(one)
  const transitions: Record<string, DynamicTransitions<string, When<Data>>> = {}
  for (const [name, list] of Object.entries(drawn.transitions))
    transitions[name] = list.map(({ to, when }) => (when === undefined ? { to } : { to, when }))
  return { entrypoint, graph: kit.graph({ actions, transitions }) }
}

// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "liberty" as n0
//   state "unicorn" as n1
//   state "cut" as n2
//   state "both" as n3
//   [*] --> n0
//   n0 --> n1
//   n1 --> n3 : first = #quot;nothing#quot;
//   n1 --> n2 : otherwise
//   n2 --> n3
//   n3 --> [*]
// ```
export const drawn = JSON.stringify({
  entrypoint: 'liberty',
  actions: {
    liberty: { kind: 'find', word: 'liberty', writes: 'first' },
    unicorn: { kind: 'find', word: 'unicorn', writes: 'second' },
    cut: { kind: 'shorten', reads: 'first', writes: 'first', words: 5 },
    both: { kind: 'join', reads: ['first', 'second'], writes: 'both' },
  },
  transitions: {
    liberty: [{ to: 'unicorn' }],
    unicorn: [{ to: 'both', when: { first: 'nothing' } }, { to: 'cut' }],
    cut: [{ to: 'both' }],
  },
})

/** Runs it, and gives the state at its end. */
export async function runDrawing(json: string): Promise<Readonly<Data>> {
  const { entrypoint, graph } = graphOf(json)
  const { state } = await createApplication(graph, { entrypoint, state: {} }).run()
  return state
}

console.log((await runDrawing(drawn))['both'])

// A drawing with a fault is refused before anything runs.
const wrong = drawn.replace('"to":"cut"', '"to":"cutt"')
try {
  await runDrawing(wrong)
} catch (error) {
  if (GraphError.is(error)) console.log(error.message)
}
