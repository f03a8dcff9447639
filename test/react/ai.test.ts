import { readUIMessageStream, streamText, type UIMessageChunk, uiMessageChunkSchema } from 'ai'
import { MockLanguageModelV3, simulateReadableStream } from 'ai/test'
import { createApplication, defineMessage, defineState, type as typeOf } from 'teasel'
import { type MessageChunk, toUIMessageStream } from 'teasel/ai'
import { describe, expect, it } from 'vitest'
import { defer, flushUntil } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ text: string }>()
const options = { appId: 'chat', entrypoint: 'say', state: { text: '' }, logger: quiet } as const

async function all(stream: ReadableStream<MessageChunk>): Promise<readonly MessageChunk[]> {
  const chunks: MessageChunk[] = []
  for await (const chunk of stream) chunks.push(chunk)
  // Each is one that the AI SDK takes.
  const { validate } = uiMessageChunkSchema()
  for (const chunk of chunks) expect(await validate?.(chunk)).toMatchObject({ success: true })
  return chunks
}

const typesOf = (chunks: readonly MessageChunk[]): string => chunks.map(({ type }) => type).join(' ')

describe('a stream of a UI message', () => {
  it('has the words of a model, as the AI SDK reads them', async () => {
    const usage = { inputTokens: { total: 1 }, outputTokens: { total: 2 } }
    const model = new MockLanguageModelV3({
      doStream: async () => ({
        stream: simulateReadableStream({
          chunks: [
            { type: 'text-start', id: '1' },
            { type: 'text-delta', id: '1', delta: 'Teasels ' },
            { type: 'text-delta', id: '1', delta: 'comb.' },
            { type: 'text-end', id: '1' },
            { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage } as never,
          ],
        }),
      }),
    })
    const say = kit.action({
      reads: [],
      writes: ['text'],
      async *run({ signal }) {
        let text = ''
        for await (const part of streamText({ model, prompt: 'What do teasels do?', abortSignal: signal }).textStream) {
          text += part
          yield part
        }
        return { text }
      },
    })
    const app = createApplication(kit.graph({ actions: { say } }), options)
    const stream: ReadableStream<UIMessageChunk> = toUIMessageStream(app.stream(), { messageId: 'm1' })
    let last: object | undefined
    for await (const message of readUIMessageStream({ stream })) last = message
    expect(last).toMatchObject({
      id: 'm1',
      role: 'assistant',
      parts: [{ type: 'step-start' }, { type: 'text', text: 'Teasels comb.', state: 'done' }],
    })
  })

  it('ends each text, also of a step that is tried again and of a run that fails', async () => {
    let tries = 0
    const say = kit.action({
      reads: [],
      writes: ['text'],
      retry: { attempts: 2, delayMs: 0 },
      async *run() {
        tries += 1
        yield `try ${tries}`
        throw new RangeError('secret')
      },
    })
    const app = createApplication(kit.graph({ actions: { say } }), options)
    const chunks = await all(toUIMessageStream(app.stream(), { messageId: 'm1' }))
    expect(typesOf(chunks)).toBe('start start-step text-start text-delta text-end text-start text-delta text-end error')
    expect(chunks[0]).toEqual({ type: 'start', messageId: 'm1' })
    expect(chunks.at(-1)).toEqual({ type: 'error', errorText: 'An error occurred.' })
  })

  it('tells of branches, questions and progress', async () => {
    const go = defineMessage('go', typeOf<string>())
    const ask = kit.action({
      reads: [],
      writes: ['text'],
      async run({ context }) {
        context.progress({ done: 1, total: 2 })
        return { text: (await context.receiveOne(go, { ask: 'Go?' })).body }
      },
    })
    const say = kit.mapActions({
      reads: [],
      writes: ['text'],
      actions: { a: ask },
      reduce: ({ results }) => ({ text: results.map(({ state }) => state.text).join() }),
    })
    const app = createApplication(kit.graph({ actions: { say } }), options)
    app.on('wait', () => void app.send(go('yes'), { path: 'say/a' }))
    const chunks = await all(toUIMessageStream(app.stream()))
    const data = chunks.flatMap((chunk) => ('data' in chunk ? [{ type: chunk.type, data: chunk.data }] : []))
    expect(data).toEqual([
      { type: 'data-branch', data: { map: 'say', key: 'a', path: 'say/a', status: 'running' } },
      { type: 'data-progress', data: { source: 'a', path: 'say/a', done: 1, total: 2 } },
      { type: 'data-question', data: { id: expect.any(String), kinds: ['go'], ask: 'Go?', path: 'say/a' } },
      { type: 'data-branch', data: { map: 'say', key: 'a', path: 'say/a', status: 'done' } },
    ])
    expect(typesOf(chunks.slice(-2))).toBe('finish-step finish')
  })

  /** A run that yields a word and then waits for its cancel. */
  function endless() {
    const aborted = defer<unknown>()
    let yielded = 0
    const say = kit.action({
      reads: [],
      writes: ['text'],
      async *run({ signal }) {
        signal.addEventListener('abort', () => aborted.resolve(signal.reason))
        for (;;) {
          signal.throwIfAborted()
          yielded += 1
          yield 'word '
        }
      },
    })
    const app = createApplication(kit.graph({ actions: { say } }), options)
    return { app, aborted, yielded: () => yielded }
  }

  it('ends with abort when its run is cancelled', async () => {
    const { app } = endless()
    const chunks: MessageChunk[] = []
    for await (const chunk of toUIMessageStream(app.stream())) {
      chunks.push(chunk)
      if (chunks.length === 5) void app.cancel({ reason: 'enough' })
    }
    expect(typesOf(chunks.slice(-2))).toBe('text-end abort')
    expect(chunks.at(-1)).toEqual({ type: 'abort', reason: 'enough' })
  })

  it('ends with abort when its signal aborts, and cancels the run that it leaves', async () => {
    const { app, aborted } = endless()
    const stop = new AbortController()
    const chunks: MessageChunk[] = []
    for await (const chunk of toUIMessageStream(app.stream(), { signal: stop.signal })) {
      chunks.push(chunk)
      if (chunks.length === 5) stop.abort('gone')
    }
    expect(typesOf(chunks.slice(-2))).toBe('text-end abort')
    await aborted.promise
    expect(await all(toUIMessageStream(app.stream(), { signal: AbortSignal.abort('before') }))).toHaveLength(3)
  })

  it('is read at the pace of its reader, who cancels the run by leaving', async () => {
    const { app, aborted, yielded } = endless()
    const reader = toUIMessageStream(app.stream()).getReader()
    for (let i = 0; i < 5; i++) await reader.read()
    await flushUntil(() => yielded() > 30)
    expect(yielded()).toBeLessThan(100) // no more than a stream of events holds
    await reader.cancel()
    await aborted.promise
  })
})
