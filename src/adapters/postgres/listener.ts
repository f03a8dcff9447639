import { ChannelListener, type ConnectionEvents, type ListeningConnection } from '../../persistence/channel-listener.js'
import type { PgPool } from './pool.js'

/** Listens on one connection of a pool, for stored messages and for due roots. */
export const listenOn = (pool: PgPool): ChannelListener => new ChannelListener((events) => connect(pool, events))

async function connect(pool: PgPool, { notified, lost }: ConnectionEvents): Promise<ListeningConnection> {
  const client = await pool.connect()
  client.on('error', lost)
  client.on('end', lost)
  client.on('notification', ({ channel, payload }) => notified(channel, payload))
  return {
    async listen(channels) {
      for (const channel of channels) await client.query(`listen "${channel.replaceAll('"', '""')}"`)
    },
    end: () => client.release(true), // a listening connection is not returned to the pool
  }
}
