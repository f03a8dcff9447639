// Several tools at once, and the reducer selects: `settle: 'collect'`.
//
// Nobody knows beforehand which tool a question is for, so all try. The mistake to avoid is the default policy here: it
// is `all`, under which the first tool that throws cancels the others and fails the step. `collect` hands failures to
// `reduce` as data, and its type makes you look at `status` before you read a state.

import { createApplication, defineState } from 'teasel'
import { addresses } from './addresses.js'
import { sentencesOf, termsOf } from './research/words.js'

interface Asked {
  question: string
  /** What one tool found, and how sure it is, 0 … 1. */
  found: string
  sure: number
  answer: string
  tool: string
  /** Why tools gave no answer. */
  refused: Record<string, string>
}

const kit = defineState<Asked>()
const tool = (work: (question: string) => { found: string; sure: number }) =>
  kit.action({ reads: ['question'], writes: ['found', 'sure'], run: ({ state }) => work(state.question) })

const calculator = tool((question) => {
  const [, a, sign, b] = /(\d+)\s*([-+*/])\s*(\d+)/.exec(question) ?? []
  if (a === undefined || b === undefined) throw new RangeError('nothing to calculate')
  const results = { '+': +a + +b, '-': +a - +b, '*': +a * +b, '/': +a / +b }
  return { found: String(Object.entries(results).find(([name]) => name === sign)?.[1]), sure: 1 }
})

const calendar = tool((question) => {
  const year = Number(/\b(1[789]|20)\d\d\b/.exec(question)?.[0])
  const speakers = new Set(addresses.filter((address) => address.year === year).map(({ president }) => president))
  if (speakers.size === 0) throw new RangeError('no year of an address')
  return { found: [...speakers].join(' and '), sure: /\bwho\b/i.test(question) ? 0.9 : 0.3 }
})

const quotation = tool((question) => {
  const wanted = [...new Set(termsOf(question))].filter((term) => !/\d/.test(term))
  for (const { year, president, text } of addresses) {
    if (!wanted.every((term) => text.toLowerCase().includes(term))) continue
    const sentence = sentencesOf(text).find((one) => wanted.every((term) => termsOf(one).includes(term)))
    if (wanted.length > 0 && sentence !== undefined) return { found: `${sentence} (${president}, ${year})`, sure: 0.6 }
  }
  throw new RangeError('nobody said that')
})

const useTools = kit.mapActions({
  reads: ['question'],
  writes: ['answer', 'tool', 'refused'],
  actions: { calculator, calendar, quotation },
  settle: 'collect',
  reduce({ results }) {
    const done = results.filter((result) => result.status === 'done').toSorted((a, b) => b.state.sure - a.state.sure)
    const failed = results.filter((result) => result.status === 'failed')
    return {
      answer: done[0]?.state.found ?? 'No tool knows.',
      tool: done[0]?.key ?? 'none',
      refused: Object.fromEntries(failed.map(({ key, error }) => [key, error.message])),
    }
  },
})

// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "useTools" as n0 {
//     state "calculator" as n1
//     --
//     state "calendar" as n2
//     --
//     state "quotation" as n3
//   }
//   [*] --> n0
//   n0 --> [*]
// ```
export const graph = kit.graph({ actions: { useTools } })

/** Puts a question to all tools. */
export async function answerOf(question: string): Promise<Pick<Asked, 'answer' | 'tool' | 'refused'>> {
  const { state } = await createApplication(graph, { entrypoint: 'useTools', state: { question } }).run()
  return { answer: state.answer, tool: state.tool, refused: state.refused }
}

for (const question of ['How much is 19 * 21?', 'Who spoke in 1862?', 'Who spoke of the telegraph?', 'Xyzzy?']) {
  const { answer, tool } = await answerOf(question)
  console.log(`${question}\n  ${tool}: ${answer}`)
}
