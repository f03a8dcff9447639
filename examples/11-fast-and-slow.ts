// Two graphs answer one question at once. The quick one says what it finds at first sight, word by word; the thorough
// one reads every address. After each step of the quick one, and when the user presses a key, it is decided whether the
// thorough one goes on.
//
// The mistake to avoid: starting the thorough one only when the quick one has disappointed. Started at once it costs
// nothing where it is cancelled early, and the user waits half as long where it is not.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "answer" as n0 {
//     state "quick" as n1 {
//       state "glance" as n2
//       state "tell" as n3
//       [*] --> n2
//       n2 --> n3
//       n3 --> [*]
//     }
//     --
//     state "thorough" as n4
//   }
//   [*] --> n0
//   n0 --> [*]
// ```

import { pathToFileURL } from 'node:url'
import { createApplication, defineState } from 'teasel'
import { type Answering, quickGraph, thoroughGraph } from './fast-and-slow/answers.js'
import { type Keys, terminalKeys } from './fast-and-slow/keys.js'
import { Library } from './research/library.js'

const kit = defineState<Answering & { by: string }>()

/** @param wish what the user wants, changed by the keys */
export function answerGraph(library: Library, wish: { more: boolean }) {
  const answer = kit.mapActions({
    reads: ['question'],
    writes: ['answer', 'by', 'read'],
    actions: { quick: quickGraph(library), thorough: thoroughGraph(library) },
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
  const app = createApplication(answerGraph(library, wish), { entrypoint: 'answer', state: { question } })
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
  const { answer, by, read } = await ask(await Library.read(), question, terminalKeys, (text) =>
    process.stdout.write(text),
  )
  console.log(`\nThe ${by} answer${read > 0 ? ` after ${read} passages` : ''}:\n${answer}`)
}
