import { once } from 'node:events'
import { createServer, type Server } from 'node:http'

/** What the server saw of one request. */
export interface Seen {
  readonly provider: string
  readonly end: 'answered' | 'refused' | 'hung up on'
}

/** A real server on this machine whose providers delay and fail on purpose. It emits `seen` when a request has ended. */
export async function startProviders(): Promise<{
  readonly server: Server
  readonly url: string
  readonly seen: Seen[]
}> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const provider = request.url?.slice(1) ?? ''
    response.on('close', () => {
      const end = response.statusCode === 503 ? 'refused' : response.writableFinished ? 'answered' : 'hung up on'
      seen.push({ provider, end })
      server.emit('seen')
    })
    if (provider === 'overloaded') response.writeHead(503).end('Try again later.')
    else if (provider === 'steady') setTimeout(() => response.end('Teasels comb wool.'), 50)
    else response.write('Well, ') // stuck: it never says more
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return { server, url: `http://127.0.0.1:${port}`, seen }
}
