// A React component runs a graph: `useActorRef` starts it, `useSelector` shows its steps, and its chunks are the words of a
// stream. When the component goes, the run is cancelled.
//
// The mistake to avoid: `app.run()` in an effect. It runs twice under `StrictMode`, it runs on after the component has gone,
// and each state has to be copied into React by hand.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "find" as n0
//   state "tell" as n1
//   [*] --> n0
//   n0 --> n1
//   n1 --> [*]
// ```

import { pathToFileURL } from 'node:url'
import { useActorRef, useSelector } from '@xstate/react'
import { createElement, useEffect, useState } from 'react'
import { actorLogic, defineState } from 'teasel'
import { addresses, quoteOf } from './addresses.js'
import { openPage } from './react/page.js'

const kit = defineState<{ word: string; quote: string; by: string }>()

const find = kit.action({
  reads: ['word'],
  writes: ['quote', 'by'],
  run({ state: { word } }) {
    const address = addresses.find((one) => quoteOf(word, one) !== undefined)
    if (address === undefined) return { quote: '', by: 'nobody' }
    return { quote: quoteOf(word, address) ?? '', by: `${address.president}, ${address.year}` }
  },
})
const tell = kit.action({
  reads: ['quote'],
  writes: [],
  async *run({ state }) {
    for (const word of state.quote.split(' ')) yield word
    return {}
  },
})
export const graph = kit.graph({ actions: { find, tell }, transitions: { find: 'tell' } })
const logic = actorLogic(graph.runnable({ entrypoint: 'find' }))

/** The first quote of a word, as it comes. */
export function useQuote(word: string) {
  const [words, setWords] = useState<readonly string[]>([])
  const actor = useActorRef(logic, { input: { state: { word } } })
  useEffect(() => actor.on('chunk', ({ chunk }) => setWords((all) => [...all, chunk])).unsubscribe, [actor])
  const by = useSelector(actor, ({ state }) => state.by)
  const status = useSelector(actor, ({ status }) => status)
  return { words, by, status, cancel: () => actor.send({ type: 'cancel', reason: 'the reader has seen enough' }) }
}

/** Shows it. */
export function Quote({ word }: { readonly word: string }) {
  const { words, by, status } = useQuote(word)
  return createElement('p', null, `${by ?? 'reading'}: ${words.join(' ')}${status === 'active' ? ' …' : ''}`)
}

/** Shows the quote of a word on a page until it is complete, and resolves with each text that the page had. */
export async function showQuote(word: string): Promise<readonly string[]> {
  const page = await openPage()
  const texts: string[] = []
  await new Promise<void>((resolve) => {
    page.render(createElement(Quote, { word }), (text) => {
      texts.push(text)
      if (!text.endsWith('…')) resolve()
    })
  })
  await page.close()
  return texts
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  for (const text of await showQuote(process.argv[2] ?? 'telephone')) console.log(text)
