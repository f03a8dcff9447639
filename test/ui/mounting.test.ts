import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { defineState, resumeOrCreate } from 'teasel'
import { createRunClient } from 'teasel/client'
import { memoryPersister } from 'teasel/persistence'
import { fastifyUi, nodeListener, type UiHandler } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { flushUntil } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { handlerOf } from './rig.js'

/** A server with the page at `/ui` and something of its own at `/own`. */
interface Mounted {
  readonly port: number
  close(): Promise<unknown>
}
type Mount = (ui: UiHandler) => Promise<Mounted>

async function listening(server: Server): Promise<Mounted> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  const close = async () => server.close().closeAllConnections()
  return { port: (server.address() as AddressInfo).port, close }
}

const inExpress =
  (isParsed: boolean): Mount =>
  (ui) => {
    const app = express()
    if (isParsed) app.use(express.json())
    app.use(nodeListener(ui))
    app.post('/own', express.json(), (request, response) => void response.json(request.body))
    return listening(createServer(app))
  }

const MOUNTS: Readonly<Record<string, Mount>> = {
  'node:http': (ui) => {
    const listener = nodeListener(ui)
    const own = createServer((request, response) => {
      void listener(request, response, () => void request.pipe(response))
    })
    return listening(own)
  },
  Hono: async (ui) => {
    const app = new Hono()
    app.all('/ui', ({ req }) => ui(req.raw))
    app.all('/ui/*', ({ req }) => ui(req.raw))
    app.post('/own', async (context) => context.json(await context.req.json()))
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
    await once(server, 'listening')
    return listening(server)
  },
  'Express 5': inExpress(false),
  'Express 5 behind its parser': inExpress(true),
  'Express 5 below a path': (ui) => {
    const app = express()
    app.use('/ui', nodeListener(ui))
    app.post('/own', express.json(), (request, response) => void response.json(request.body))
    return listening(createServer(app))
  },
  'Fastify 5': async (ui) => {
    const app = fastify()
    await app.register(fastifyUi(ui))
    app.post('/own', async ({ body }) => body)
    await app.listen({ port: 0, host: '127.0.0.1' })
    return {
      port: (app.server.address() as AddressInfo).port,
      close: async () => {
        app.server.closeAllConnections()
        await app.close()
      },
    }
  },
}

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const graph = kit.graph({ actions: { add } })

describe.each(Object.entries(MOUNTS))('a handler in %s', (_, mount) => {
  it('has its page, its API, its changes and its streams', async () => {
    const persister = memoryPersister()
    await resumeOrCreate(graph, { appId: 'a/1', entrypoint: 'add', state: { n: 0 }, persister, logger: quiet })
    const ui = handlerOf({ persister }, { basePath: '/ui', actions: true })
    const { port, close } = await mount(ui)
    const at = `http://127.0.0.1:${port}`

    for (const path of ['/ui', '/ui/p/one/r/a%2F1?step=0'])
      expect(await (await fetch(`${at}${path}`)).text()).toContain('<base href="/ui/">')
    expect((await fetch(`${at}/uixyz`, { method: 'PUT' })).headers.get('content-security-policy') ?? '').not.toContain(
      'self',
    )
    const json = { 'content-type': 'application/json' }
    const own = await fetch(`${at}/own`, { method: 'POST', headers: json, body: '{"own":true}' })
    expect(await own.json()).toEqual({ own: true })

    const left = new AbortController()
    const client = createRunClient({ baseUrl: `${at}/ui`, signal: left.signal })
    expect((await client.list()).items.map(({ runId }) => runId)).toEqual(['a/1'])
    const stream = client.stream(['run/a%2F1', 'runs'], { signal: left.signal })
    expect((await stream.next()).value).toMatchObject({ type: 'hello' })
    expect((await stream.next()).value).toMatchObject({ type: 'tree', topic: 'run/a%2F1' })
    expect(ui.watched).toBe(2)
    const { text } = await client.cancel({ runId: 'a/1', reason: 'ü'.repeat(50_000) })
    expect(text).toBe('Cancelled "a/1" for good.')
    await expect(client.cancel({ runId: 'none' })).rejects.toMatchObject({ code: 'no-run' })
    const { value } = await stream.next()
    expect(value).toMatchObject({ type: expect.stringMatching(/tree|batch/) })
    left.abort()
    expect((await stream.next()).done).toBe(true)
    await flushUntil(() => ui.watched === 0)
    expect(ui.watched).toBe(0)
    await close()
  })
})
