// Three jurors with different tastes choose one of four poems. They tell each other what they would agree to, give way
// where they must, and stop when all say the same.
//
// The mistake to avoid: a shared variable that all branches write. Branches share nothing; they send messages, which
// arrive in order, and `messages()` completes when nobody is left who could send one, so nobody waits for ever.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "argue" as n0 {
//     state "each branch × N" as n1
//   }
//   [*] --> n0
//   n0 --> [*]
// ```

import { pathToFileURL } from 'node:url'
import { createApplication, defineMessage, defineState, type } from 'teasel'

/** Best first. */
type Ranking = readonly string[]

interface Jury {
  rankings: Record<string, Ranking>
  /** One juror's own. */
  ranking: Ranking
  /** How many others there are. */
  others: number
  choice: string
  rounds: number
  verdict: string
}

const kit = defineState<Jury>()
const offer = defineMessage('offer', type<{ round: number; choice: string; accepts: Ranking }>())

const juror = kit.action({
  reads: ['ranking', 'others'],
  writes: ['choice', 'rounds'],
  async *run({ state: { ranking, others }, context }) {
    const early = new Map<number, Ranking[]>() // what faster jurors have said of rounds to come
    const heard = context.messages(offer)[Symbol.asyncIterator]()
    for (let round = 1; round <= ranking.length; round++) {
      const accepts = ranking.slice(0, round) // each round one more that would do
      yield { round, accepts }
      context.broadcast(offer({ round, choice: ranking[0] ?? '', accepts }))
      const table = early.get(round) ?? []
      while (table.length < others) {
        const { done, value } = await heard.next()
        if (done === true) throw new Error('The others have left.')
        const { round: of, accepts: theirs } = value.body
        if (of === round) table.push(theirs)
        else early.set(of, [...(early.get(of) ?? []), theirs])
      }
      const common = accepts.filter((one) => table.every((theirs) => theirs.includes(one)))
      const places = (one: string): number => [accepts, ...table].reduce((sum, list) => sum + list.indexOf(one), 0)
      const [best] = common.toSorted((a, b) => places(a) - places(b) || a.localeCompare(b))
      if (best !== undefined) return { choice: best, rounds: round }
    }
    throw new Error('The rankings have nothing in common.')
  },
})

const argue = kit.mapStates({
  reads: ['rankings'],
  writes: ['verdict', 'rounds'],
  action: juror,
  states: ({ state }) =>
    Object.entries(state.rankings).map(([name, ranking], _, all) => [
      { ranking, others: all.length - 1 },
      { key: name },
    ]),
  reduce({ results }) {
    const verdicts = new Set(results.map(({ state }) => state.choice))
    return { verdict: [...verdicts].join(' or '), rounds: Math.max(...results.map(({ state }) => state.rounds)) }
  },
})

export const graph = kit.graph({ actions: { argue } })

export const jury = (rankings: Record<string, Ranking>) =>
  createApplication(graph, { entrypoint: 'argue', state: { rankings } })

/** Jurors by name, and how they rank. */
export const RANKINGS = {
  Ada: ['The Tyger', 'Kubla Khan', 'Ozymandias', 'Ulysses'],
  Ben: ['Ulysses', 'Ozymandias', 'The Tyger', 'Kubla Khan'],
  Cleo: ['Kubla Khan', 'Ozymandias', 'Ulysses', 'The Tyger'],
}

async function main(): Promise<void> {
  const app = jury(RANKINGS)
  for await (const event of app.stream()) {
    if (event.type !== 'chunk') continue
    const { round, accepts } = event.chunk
    console.log(`${event.path.at(-1)?.key}, round ${round}: I would take ${accepts.join(' or ')}.`)
  }
  console.log(`\nAll agree on ${app.state.verdict}, in round ${app.state.rounds}.`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()
