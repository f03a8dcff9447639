// Two models of the Vercel AI SDK answer at once, and a chat window shows both texts as they grow. The first whole answer
// wins; the other call is cancelled. `toUIMessageStream` turns the run into the message stream that `useChat` reads.
//
// The mistake to avoid: to return what a cancelled `streamText` has so far. Its stream ends without an error when its
// `abortSignal` fires, and half a sentence looks like an answer. So the action asks its signal once more behind the loop.
//
// The models are the mocks of `ai/test`; put `openai('…')` in their place. In a server, give the stream to
// `createUIMessageStreamResponse`.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "race" as n0
//   [*] --> n0
//   n0 --> [*]
// ```

import { pathToFileURL } from 'node:url'
import { type LanguageModel, readUIMessageStream, streamText, type UIMessage } from 'ai'
import { MockLanguageModelV3, simulateReadableStream } from 'ai/test'
import { createApplication, defineState } from 'teasel'
import { toUIMessageStream } from 'teasel/ai'
import { addressOf } from './addresses.js'

const kit = defineState<{ question: string; answer: string; from: string }>()

const asking = (model: LanguageModel) =>
  kit.action({
    reads: ['question'],
    writes: ['answer'],
    async *run({ state, signal }) {
      let answer = ''
      for await (const delta of streamText({ model, prompt: state.question, abortSignal: signal }).textStream) {
        answer += delta
        yield delta
      }
      signal.throwIfAborted()
      return { answer }
    },
  })

/** Lets models answer the same question. */
export function raceGraph(models: Readonly<Record<string, LanguageModel>>) {
  const race = kit.mapActions({
    reads: ['question'],
    writes: ['answer', 'from'],
    actions: () => Object.fromEntries(Object.entries(models).map(([name, model]) => [name, asking(model)])),
    settle: 'any',
    reduce({ results }) {
      const winner = results.find((result) => result.status === 'done')
      if (winner?.status !== 'done') throw new Error('Nobody has won.')
      return { answer: winner.state.answer, from: winner.key }
    },
  })
  return kit.graph({ actions: { race } })
}

/** A model that says the words of a text, one after the other. */
export function sayingModel(text: string, wordMs: number): LanguageModel {
  const words = text.split(/(?<=\s)/)
  const deltas = words.map((delta) => ({ type: 'text-delta', id: '1', delta }) as const)
  const usage = {
    inputTokens: { total: 8, noCache: 8, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: words.length, text: words.length, reasoning: 0 },
  }
  return new MockLanguageModelV3({
    doStream: async () => ({
      stream: simulateReadableStream({
        initialDelayInMs: wordMs,
        chunkDelayInMs: wordMs,
        chunks: [
          { type: 'text-start', id: '1' },
          ...deltas,
          { type: 'text-end', id: '1' },
          { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage },
        ],
      }),
    }),
  })
}

/** Runs the race. @param show gets the message each time that it has grown @returns the state at the end */
export async function raced(models: Readonly<Record<string, LanguageModel>>, show: (message: UIMessage) => void) {
  const app = createApplication(raceGraph(models), {
    entrypoint: 'race',
    state: { question: 'How did Lincoln begin in 1862?' },
  })
  const stream = toUIMessageStream(app.stream(), {
    text: ({ chunk }) => (typeof chunk === 'string' ? chunk : undefined), // those of branches too
  })
  for await (const message of readUIMessageStream({ stream })) show(message)
  return app.state
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [first = ''] = addressOf(1862)
    .text.trim()
    .split(/(?<=\.)\s/)
  let last: UIMessage | undefined
  const { from } = await raced({ quick: sayingModel(first, 5), slow: sayingModel(first, 50) }, (message) => {
    last = structuredClone(message)
  })
  for (const part of last?.parts ?? []) console.log(JSON.stringify(part))
  console.log(`The answer is that of ${from}.`)
}
