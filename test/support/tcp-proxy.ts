import { once } from 'node:events'
import { createServer, connect as open, type Socket } from 'node:net'

/** A proxy before a server, whose connections a test cuts or holds up. */
export interface TcpProxy {
  readonly port: number
  /** Number of connections that were opened. */
  readonly opened: () => number
  /** Called with what a client sends, before it is passed on. */
  sent: (data: Buffer) => void
  /** Called with an answer of the server; it is dropped, and its connection cut, if this returns false. */
  answered: (data: Buffer) => boolean
  /** Ends all connections. */
  cut(): void
  /** Passes no more answers on, until {@link TcpProxy.cut}; new connections are passed. */
  hold(): void
  close(): Promise<void>
}

/** Starts a proxy before a port of this machine. */
export async function startProxy(target: number): Promise<TcpProxy> {
  const pairs = new Map<Socket, Socket>()
  const held = new Set<Socket>()
  let opened = 0
  const server = createServer((client) => {
    opened += 1
    const upstream = open(target, '127.0.0.1')
    pairs.set(client, upstream)
    const end = (): void => {
      pairs.delete(client)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
    client.on('data', (data) => {
      proxy.sent(data)
      upstream.write(data)
    })
    upstream.on('data', (data) => {
      if (held.has(client)) return
      if (proxy.answered(data)) client.write(data)
      else end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const proxy: TcpProxy = {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    opened: () => opened,
    sent: () => {},
    answered: () => true,
    cut() {
      for (const [client, upstream] of pairs) {
        client.destroy()
        upstream.destroy()
      }
      pairs.clear()
      held.clear()
    },
    hold() {
      for (const client of pairs.keys()) held.add(client)
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      proxy.cut()
      await closed
    },
  }
  return proxy
}
