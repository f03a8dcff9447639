// Two graphs answer one question at once. The quick one says what it finds at first sight, word by word; the thorough
// one reads every address. After each step of the quick one, and when the user presses a key, it is decided whether the
// thorough one goes on.
//
// The mistake to avoid: starting the thorough one only when the quick one has disappointed. Started at once it costs
// nothing where it is cancelled early, and the user waits half as long where it is not.

import { pathToFileURL } from 'node:url'
import { createApplication, defineState } from 'teasel'
import { type Keys, terminalKeys } from './fast-and-slow/keys.js'
import { Library } from './research/library.js'
import { termsOf } from './research/words.js'

interface Answering {
  question: string
  quote: string
  /** How many of the question's terms the quote speaks of, from 0 to 1. */
  cover: number
  /** How many passages have been read. */
  read: number
  answer: string
  by: string
}

const kit = defineState<Answering>()
const AT_ONCE = 400

/** A sentence, and which part of the terms it speaks of. */
function bestSentence(sentences: readonly string[], terms: readonly string[]) {
  const covers = sentences.map((quote) => {
    const found = new Set(termsOf(quote))
    return { quote, cover: terms.filter((term) => found.has(term)).length / terms.length }
  })
  return covers.sort((a, b) => b.cover - a.cover || a.quote.length - b.quote.length)[0] ?? { quote: '', cover: 0 }
}

/** @param wish what the user wants, changed by the keys */
function graphOf(library: Library, wish: { more: boolean }) {
  const glance = kit.action({
    reads: ['question'],
    writes: ['quote', 'cover'],
    run({ state }) {
      const terms = termsOf(state.question)
      const [hit] = library.search(terms, { from: 0, to: 3000, presidents: [] }, 1)
      return bestSentence(library.passages[hit?.passage ?? -1]?.sentences ?? [], terms)
    },
  })
  const tell = kit.action({
    reads: ['quote'],
    writes: ['answer'],
    async *run({ state }) {
      for (const word of state.quote.split(' ')) yield { word }
      return { answer: state.quote }
    },
  })
  const quick = kit
    .graph({ actions: { glance, tell }, transitions: { glance: 'tell' } })
    .runnable({ entrypoint: 'glance' })

  const study = kit.action({
    reads: ['question', 'quote?', 'cover?', 'read?'],
    writes: ['quote', 'cover', 'read', 'answer'],
    run({ state: { question, quote = '', cover = 0, read = 0 } }) {
      const some = library.passages.slice(read, read + AT_ONCE).flatMap(({ sentences }) => sentences)
      const found = bestSentence(some, termsOf(question))
      const best = found.cover > cover ? found : { quote, cover }
      return { ...best, answer: best.quote, read: read + AT_ONCE }
    },
  })
  const more = ({ state }: { readonly state: Readonly<Answering> }) => state.read < library.passages.length
  const thorough = kit
    .graph({ actions: { study }, transitions: { study: [{ to: 'study', when: more }] } })
    .runnable({ entrypoint: 'study' })

  const answer = kit.mapActions({
    reads: ['question'],
    writes: ['answer', 'by', 'read'],
    actions: { quick, thorough },
    settle: 'collect', // a cancelled branch is no failure
    watch({ event, cancel }) {
      if (event.type !== 'step.end' || event.key !== 'quick') return
      if ((event.state.cover ?? 0) === 1 && !wish.more) cancel('thorough', 'the quick answer says it all')
    },
    reduce({ branches: { quick, thorough } }) {
      const chosen = thorough.status === 'done' ? thorough : quick
      if (chosen.status !== 'done') throw new Error('Neither of the two has an answer.')
      const { answer, read = 0 } = chosen.state
      return { answer, by: chosen.key, read }
    },
  })
  return kit.graph({ actions: { answer } })
}

/** Asks both. The key `y` is content with the quick answer, `m` wants more whatever it says. */
export async function ask(library: Library, question: string, keys: Keys, show: (text: string) => void) {
  const wish = { more: false }
  const app = createApplication(graphOf(library, wish), { entrypoint: 'answer', state: { question } })
  const release = keys((key) => {
    if (key === 'm') wish.more = true
    if (key === 'y') void app.cancel({ path: 'thorough', reason: 'the user is content' })
  })
  try {
    for await (const event of app.stream()) {
      if (event.type === 'chunk') show(`${event.chunk.word} `)
      if (event.type !== 'branch.settled') continue
      const why = event.result.status === 'cancelled' ? `: ${String(event.result.reason)}` : ''
      show(`\n[${event.key} is ${event.status}${why}]\n`)
    }
    return app.state
  } finally {
    release()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log('Reading 233 addresses … (y: that will do, m: read on)')
  const question = process.argv[2] ?? 'Which canal joins the Atlantic and the Pacific across the isthmus?'
  const { answer, by, read } = await ask(new Library(), question, terminalKeys, (text) => process.stdout.write(text))
  console.log(`\nThe ${by} answer${read > 0 ? ` after ${read} passages` : ''}:\n${answer}`)
}
