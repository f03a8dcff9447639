// What an application does, in XState's own inspector: the actor of the application, of each map and of each branch.
//
// The mistake to avoid: printing in every action. An inspector needs no line in your graph, and sees what a print cannot:
// which branches live, what each waits for, and which was cancelled.
//
// Here the inspector's messages are printed. In a browser, `createBrowserInspector()` opens Stately's page with them; in
// Node, `createWebSocketInspector({ url })` sends them to one.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "compare" as n0 {
//     state "each branch × N" as n1
//   }
//   [*] --> n0
//   n0 --> [*]
// ```

import { pathToFileURL } from 'node:url'
import { createInspector } from '@statelyai/inspect'
import { createApplication, defineState } from 'teasel'
import { addressOf } from './addresses.js'

const kit = defineState<{ year: number; words: number; longest: number }>()
const count = kit.action({
  reads: ['year'],
  writes: ['words'],
  run: ({ state }) => ({ words: addressOf(state.year).text.split(/\s+/).length }),
})
const compare = kit.mapStates({
  reads: [],
  writes: ['longest'],
  action: count,
  states: () => Object.fromEntries([1790, 1862, 1946].map((year) => [year, { year }])),
  reduce: ({ results }) => ({ longest: Math.max(...results.map(({ state }) => state.words)) }),
})
export const graph = kit.graph({ actions: { compare } })

/** Runs the application; `show` gets one line for each snapshot that the inspector is sent. */
export async function inspected(show: (line: string) => void): Promise<void> {
  const names = new Map<string, string>()
  await new Promise<void>((resolve) => {
    const { inspect } = createInspector({
      send(event) {
        if (event.type === '@xstate.actor') names.set(event.sessionId, event.name)
        if (event.type !== '@xstate.snapshot') return
        show(`${names.get(event.sessionId)}: ${JSON.stringify(event.snapshot)}`)
        if (event.sessionId === event.rootId && 'value' in event.snapshot) resolve() // the step is committed
      },
    })
    void createApplication(graph, { entrypoint: 'compare', state: {}, inspect }).run()
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await inspected((line) => console.log(line))
