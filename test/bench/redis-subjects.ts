import { createApplication } from 'teasel'
import { redisPersister } from 'teasel/persistence/redis'
import { clientOf, findRedis } from '../support/redis.js'
import { rewriting, type ServerSubjects } from './postgres-subjects.js'

// The cost of storing steps in Redis, and of one bare pipeline a step that writes as many bytes on the same server.

/** Undefined where no server is found. */
export async function redisSubjects(): Promise<ServerSubjects | undefined> {
  const server = await findRedis()
  if (server === undefined) return undefined
  const prefix = `teasel_bench_${process.pid}`
  const persister = redisPersister({ connection: server.url, prefix })
  await persister.list()
  const client = clientOf(server.url)
  await client.connect()
  let apps = 0
  return {
    async rewritten(stop) {
      const state = { n: 0, stop }
      await createApplication(rewriting, { appId: `app-${apps++}`, entrypoint: 'add', state, persister }).run()
    },
    async bareWrites(count) {
      const app = `{${prefix}}:bare:${apps++}`
      for (let i = 0; i < count; i++)
        await client.pipeline().rpush(app, `${i}`).rpush(`${app}:data`, `${i}`.padEnd(2000, 'x')).exec()
    },
    async close() {
      await persister.close()
      client.disconnect()
      await server.drop(`{${prefix}}:`)
    },
  }
}
