import { once } from 'node:events'
import { createServer, request as open, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryPersister } from 'teasel/persistence'
import { nodeListener } from 'teasel/ui'
import { afterEach, describe, expect, it } from 'vitest'
import { defer, flush } from '../support/deferred.js'
import { handlerOf } from './rig.js'

const servers: Server[] = []
afterEach(() => {
  for (const one of servers.splice(0)) one.close().closeAllConnections()
})

type Handle = (request: Request) => Promise<Response>

async function listen(handle: Handle): Promise<number> {
  const server = createServer(nodeListener(handle))
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

describe('a listener of node:http', () => {
  it('passes requests and answers', async () => {
    const port = await listen(handlerOf({ persister: memoryPersister() }))
    expect(await (await fetch(`http://127.0.0.1:${port}/api/v1/runs`)).json()).toEqual({ items: [] })
    const echo = await listen(async (request) => new Response(await request.text(), { status: 201 }))
    const answer = await fetch(`http://127.0.0.1:${echo}/`, { method: 'POST', body: 'x'.repeat(200_000) })
    expect([answer.status, (await answer.text()).length]).toEqual([201, 200_000])
  })

  it('aborts the request of a client that has gone, and ends its answer', async () => {
    const [aborted, cancelled] = [defer<void>(), defer<void>()]
    const port = await listen(async ({ signal }) => {
      signal.addEventListener('abort', () => aborted.resolve())
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array(1)),
        cancel: () => cancelled.resolve(),
      })
      return new Response(body)
    })
    const gone = new AbortController()
    const { body } = await fetch(`http://127.0.0.1:${port}/`, { signal: gone.signal })
    const reader = body?.getReader()
    await reader?.read()
    gone.abort()
    await aborted.promise
    await cancelled.promise
  })

  it('reads an answer as fast as its client', async () => {
    let pulls = 0
    const chunk = new Uint8Array(65_536)
    const done = defer<void>()
    const port = await listen(async () => {
      const body = new ReadableStream({
        pull(controller) {
          pulls += 1
          if (pulls < 1000) return controller.enqueue(chunk)
          controller.close()
          done.resolve()
        },
      })
      return new Response(body)
    })
    const slow = open({ port, host: '127.0.0.1' })
    slow.end()
    const [answer] = (await once(slow, 'response')) as [NodeJS.ReadableStream]
    for (let before = -1; before !== pulls; await flush()) before = pulls
    expect(pulls).toBeLessThan(1000)
    answer.resume()
    await done.promise
  })

  it('answers an address that is none', async () => {
    const port = await listen(handlerOf({ persister: memoryPersister() }))
    const bad = open({ port, host: '127.0.0.1', path: '//[', headers: { host: 'a b' } })
    bad.end()
    const [answer] = (await once(bad, 'response')) as [{ statusCode: number }]
    expect(answer.statusCode).toBe(403)
  })
})
