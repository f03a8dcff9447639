import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { serve } from '@hono/node-server'
import express from 'express'
import fc from 'fast-check'
import fastify from 'fastify'
import { Hono } from 'hono'
import { createApplication, defineState } from 'teasel'
import { fromSSE, toSSE } from 'teasel/codec'
import { nodeListener } from 'teasel/ui'
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest'
import { readFrames } from '../../src/wire/sse-frames.js'
import { defer, untilAborted } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ to: number; counted: number }>()
const count = kit.action({
  reads: ['to'],
  writes: ['counted'],
  async *run({ state }) {
    for (let n = 1; n <= state.to; n++) yield { n }
    return { counted: state.to }
  },
})
const counting = kit.graph({ actions: { count } })
const app = (to: number) => createApplication(counting, { entrypoint: 'count', state: { to }, logger: quiet })

const ending: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ending.splice(0)) await end()
})

const bytes = (...parts: readonly Uint8Array[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    },
  })

describe('a stream of events', () => {
  it('crosses a response whole, with the outcome of the run', async () => {
    const sent = app(3)
    const here: string[] = []
    sent.on('*', (event) => here.push(`${event.seq} ${event.type}`))
    const there: string[] = []
    const stream = fromSSE<typeof sent>(toSSE(sent.stream()))

    let next = await stream.next()
    for (; next.done !== true; next = await stream.next()) {
      there.push(`${next.value.seq} ${next.value.type}`)
      if (next.value.type === 'chunk') expectTypeOf(next.value.chunk).toEqualTypeOf<{ n: number }>()
    }

    expect(there).toEqual(here)
    expect(next.value).toMatchObject({ status: 'finished', state: { counted: 3 } })
  })

  it('rejects with the failure of the run', async () => {
    const fails = kit.action({ reads: [], writes: ['counted'], run: () => Promise.reject(new RangeError('no')) })
    const broken = createApplication(kit.graph({ actions: { fails } }), {
      ...{ entrypoint: 'fails', state: {}, logger: quiet },
    })
    const read = async () => {
      for await (const _ of fromSSE(toSSE(broken.stream())));
    }

    await expect(read()).rejects.toMatchObject({ name: 'ActionError', code: 'action', cause: { name: 'RangeError' } })
  })

  it('leaves out events up to the position that the client has', async () => {
    const seen: string[] = []
    for await (const event of fromSSE(toSSE(app(2).stream(), { after: '0.2' }))) seen.push(`${event.seq}`)

    expect(seen[0]).toBe('3')
  })

  it('refuses a response that is no stream, and one that ends before the run', async () => {
    const read = async (response: Response) => {
      for await (const _ of fromSSE(response));
    }
    const type = { headers: { 'content-type': 'text/event-stream' } }

    await expect(read(new Response('no', { status: 404 }))).rejects.toThrow(
      'The response is no stream of events: status 404, content type "text/plain;charset=UTF-8".',
    )
    await expect(read(new Response('event: hello\ndata: {"v":1}\n\n', type))).rejects.toThrow(
      'The stream of events ended before the run. Connect again with the id of the last event.',
    )
  })

  it('is read the same however its bytes are cut', async () => {
    const text =
      'event: a\ndata: ä🌱\ndata:  two\nid: 1\n\n: comment\r\n\r\ndata:x\r\r\nevent: lost\n\nevent: z\ndata\n\n'
    const whole = await collect(bytes(new TextEncoder().encode(text)))

    expect(whole).toEqual([
      { event: 'a', data: 'ä🌱\n two', id: '1' },
      { event: 'message', data: 'x', id: '1' },
      { event: 'z', data: '', id: '1' },
    ])
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 8 }), async (cuts) => {
        const all = new TextEncoder().encode(text)
        const at = [0, ...[...cuts].sort((a, b) => a - b), all.length]
        const parts = at.slice(1).map((end, i) => all.subarray(at[i], end))
        expect(await collect(bytes(...parts))).toEqual(whole)
      }),
    )
  })
})

async function collect(body: ReadableStream<Uint8Array>): Promise<unknown[]> {
  const frames: unknown[] = []
  for await (const frame of readFrames(body)) frames.push(frame)
  return frames
}

/** Closes a server with the connections that a client keeps. */
const closed = (server: { close(done: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function')
      server.closeAllConnections()
  })

type Handler = (request: { readonly signal?: AbortSignal }) => Response
type Server = (handler: Handler) => Promise<string>
const urlOf = (address: unknown): string => `http://127.0.0.1:${(address as AddressInfo).port}/`

/** Sends a response by a Node response, as the guide does it by hand. */
const pipe = (response: Response, to: import('node:http').ServerResponse): void => {
  to.writeHead(response.status, Object.fromEntries(response.headers))
  pipeline(response.body ?? [], to).catch(() => {}) // the client has gone
}

const SERVERS: Readonly<Record<string, Server>> = {
  hono: (handler) =>
    new Promise((resolve) => {
      const { fetch } = new Hono().get('/', (context) => handler({ signal: context.req.raw.signal }))
      const server = serve({ fetch, hostname: '127.0.0.1', port: 0 }, (address) => resolve(urlOf(address)))
      ending.push(() => closed(server))
    }),
  fastify: async (handler) => {
    const server = fastify({ forceCloseConnections: true })
    server.get('/', (_request, reply) => reply.send(handler({})))
    await server.listen({ host: '127.0.0.1', port: 0 })
    ending.push(() => server.close())
    return urlOf(server.server.address())
  },
  'express 5': (handler) =>
    new Promise((resolve) => {
      const server = express()
        .get('/', (_request, response) => pipe(handler({}), response))
        .listen(0, '127.0.0.1', () => resolve(urlOf(server.address())))
      ending.push(() => closed(server))
    }),
  'node:http': (handler) =>
    new Promise((resolve) => {
      const server = createServer((_request, response) => pipe(handler({}), response))
      server.listen(0, '127.0.0.1', () => resolve(urlOf(server.address())))
      ending.push(() => closed(server))
    }),
  'nodeListener of teasel/ui': (handler) =>
    new Promise((resolve) => {
      const server = createServer(nodeListener(async ({ signal }) => handler({ signal })))
      server.listen(0, '127.0.0.1', () => resolve(urlOf(server.address())))
      ending.push(() => closed(server))
    }),
}

describe.each(Object.entries(SERVERS))('a stream over %s, on a real socket', (_, listen) => {
  it('arrives whole', async () => {
    const url = await listen(({ signal }) => toSSE(app(100).stream(), signal && { signal }))
    let chunks = 0
    const stream = fromSSE(await fetch(url))
    let next = await stream.next()
    for (; next.done !== true; next = await stream.next()) if (next.value.type === 'chunk') chunks += 1

    expect([chunks, next.value]).toMatchObject([100, { status: 'finished' }])
  })

  it('cancels the run when the client goes', async () => {
    const cleaned = defer()
    const waits = kit.action({
      reads: [],
      writes: ['counted'],
      async *run({ signal }) {
        try {
          yield { n: 0 }
          await untilAborted(signal)
        } finally {
          cleaned.resolve()
        }
        return { counted: 0 }
      },
    })
    const graph = kit.graph({ actions: { waits } })
    const url = await listen(({ signal }) => {
      const run = createApplication(graph, { entrypoint: 'waits', state: {}, logger: quiet })
      return toSSE(run.stream(), signal && { signal })
    })
    const stream = fromSSE(await fetch(url))
    for await (const { type } of stream) if (type === 'chunk') break

    await cleaned.promise
  })

  it('lets the run continue without its client where that is asked for', async () => {
    const [goes, ended] = [defer(), defer<string>()]
    const waits = kit.action({
      reads: [],
      writes: ['counted'],
      async *run() {
        yield { n: 0 }
        await goes.promise
        return { counted: 1 }
      },
    })
    const graph = kit.graph({ actions: { waits } })
    const url = await listen(() => {
      const run = createApplication(graph, { entrypoint: 'waits', state: {}, logger: quiet })
      run.on('run.end', ({ status }) => ended.resolve(status))
      return toSSE(run.stream(), { cancelOnDisconnect: false })
    })
    const stream = fromSSE(await fetch(url))
    for await (const { type } of stream) if (type === 'chunk') break
    goes.resolve()

    expect(await ended.promise).toBe('finished')
  })
})
