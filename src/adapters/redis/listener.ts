import { ChannelListener, type ConnectionEvents, type ListeningConnection } from '../../persistence/channel-listener.js'
import type { RedisLink } from './link.js'

/** Listens on a connection of its own. @param make makes a connection that does not connect by itself */
export const listenBy = (make: () => RedisLink): ChannelListener =>
  new ChannelListener((events) => connect(make(), events))

async function connect(client: RedisLink, { notified, lost }: ConnectionEvents): Promise<ListeningConnection> {
  client.on('error', () => {}) // `end` follows
  client.on('end', lost)
  client.on('message', (channel) => notified(String(channel)))
  try {
    await client.connect()
  } catch (error) {
    client.disconnect()
    throw error
  }
  return {
    async listen(channels) {
      await client.subscribe(...channels)
    },
    unlisten: (channel) => void client.unsubscribe(channel).catch(() => {}),
    end: () => client.disconnect(),
  }
}
