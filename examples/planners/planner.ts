import { defineState } from 'teasel'
import { askModel } from '../models.js'
import type { Library } from '../research/library.js'
import { termsOf } from '../research/words.js'

// One agent: it plans what to look for in its period, looks for one thing after another, and concludes. What it thinks
// on the way it yields.

export interface Planning {
  question: string
  /** The years it knows of. */
  from: number
  to: number
  /** What it still wants to look for: words that shall stand together. */
  todo: string[][]
  notes: { source: string; quote: string }[]
  answer: string
}

const kit = defineState<Planning>()

/** @param pause what an agent waits for after each thought, so that it can be read; rejects when the signal fires */
export function plannerGraph(library: Library, pause: (signal: AbortSignal) => Promise<void>) {
  const plan = kit.action({
    reads: ['question', 'from', 'to'],
    writes: ['todo', 'notes'],
    async *run({ state: { question, from, to }, signal }) {
      const terms = termsOf(question).toSorted((a, b) => library.weight(b) - library.weight(a))
      yield `From ${from} to ${to}: I look for ${terms.join(' and ')} together, then for each alone.`
      await pause(signal)
      return { todo: [terms, ...terms.map((term) => [term])], notes: [] }
    },
  })
  const look = kit.action({
    reads: ['question', 'from', 'to', 'todo', 'notes'],
    writes: ['todo', 'notes'],
    async *run({ state: { question, from, to, todo, notes }, signal }) {
      const [terms = [], ...rest] = todo
      const [hit] = library.search(terms, { from, to, presidents: [] }, 1)
      const passage = library.passages[hit?.passage ?? -1]
      if (passage === undefined) throw new RangeError(`Nobody says ${terms.join(' or ')}.`)
      const source = `${passage.president}, ${passage.year}`
      yield `${terms.join(' and ')}: reading ${source}`
      const quote = await askModel('thorough', { question, text: passage.sentences.join(' ') }, signal)
      await pause(signal)
      return { todo: rest, notes: [...notes, { source, quote }] }
    },
    // Nothing found, or nothing there to quote: on with what is left.
    fallback: ({ state }) => ({ todo: state.todo.slice(1), notes: state.notes }),
  })
  const conclude = kit.action({
    reads: ['question', 'notes'],
    writes: ['answer'],
    async *run({ state: { question, notes } }) {
      const wanted = termsOf(question)
      const covers = (quote: string): number => new Set(termsOf(quote).filter((term) => wanted.includes(term))).size
      const best = notes.reduce((a, b) => (covers(b.quote) > covers(a.quote) ? b : a), { source: 'nobody', quote: '' })
      yield `done: ${best.source}, of ${notes.length} passages read`
      return { answer: best.quote === '' ? 'Nothing.' : `${best.source}: ${best.quote}` }
    },
  })
  return kit.graph({
    actions: { plan, look, conclude },
    transitions: {
      plan: 'look',
      look: [{ to: 'look', when: ({ state }) => state.todo.length > 0, name: 'more to look for' }, { to: 'conclude' }],
    },
  })
}
