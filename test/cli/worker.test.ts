import { join } from 'node:path'
import { createApplication, resumeOrCreate } from 'teasel'
import { bullmq } from 'teasel/executor/bullmq'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { findRedis } from '../support/redis.js'
import { type Called, call, callJson, temporaryFolder } from './call.js'
import { graph } from './fixtures/hosted.js'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())
const redis = await findRedis()

interface Started {
  readonly names: readonly string[]
  readonly health?: string
  readonly ended: Promise<Called>
  interrupt(): void
}

/** Starts a worker. */
function started(argv: readonly string[]): Promise<Started> {
  let listener = (): void => {}
  return new Promise((resolve, reject) => {
    const ended = call(['worker', 'hosted.ts', ...argv, '--json'], {
      onInterrupt: (interrupt) => {
        listener = interrupt
        return () => {}
      },
      wrote(text) {
        if (text.startsWith('{"ready"')) resolve({ ...JSON.parse(text), ended, interrupt: () => listener() })
      },
    })
    void ended.then(({ err }) => reject(new TypeError(err)))
  })
}

describe('teasel worker', () => {
  it('runs what is due in a store, and drains at Ctrl+C', async () => {
    const file = join(folder.path, 'runs.db')
    const store = `sqlite:${file}`
    await using persister = sqlitePersister({ file })
    await resumeOrCreate(graph, { appId: 'queued', persister, entrypoint: 'map', state: { n: 1 }, name: 'sums' })
    const { names, ended, interrupt } = await started(['--store', store])
    await vi.waitFor(
      async () => expect(await callJson(['runs', 'ls', '--store', store])).toMatchObject([{ status: 'finished' }]),
      10_000,
    )
    interrupt()

    expect(names).toEqual(['sums'])
    expect((await ended).code).toBe(0)
    expect((await call(['runs', 'show', 'queued', '--state', '--store', store])).out).toContain('"n": 5')
  })

  it.skipIf(redis === undefined)(
    'runs the branches of a queue, answers for its health, and drains at Ctrl+C',
    async () => {
      const url = redis?.url ?? ''
      const queue = `teasel-cli-${process.pid}`
      const { names, health, ended, interrupt } = await started(['--redis', url, '--queue', queue, '--port', '0'])
      await using executor = bullmq({ connection: url, queue, requiresStore: false })
      const { state } = await createApplication(graph, { entrypoint: 'map', state: { n: 1 }, executor }).run()
      const { status } = await fetch(health ?? '')
      interrupt()

      expect([names, state, status]).toEqual([['add'], { n: 5 }, 200])
      expect((await ended).code).toBe(0)
      await redis?.drop(`bull:${queue}`)
    },
  )

  it.each([
    [['worker'], 2, 'needs MODULE'],
    [['worker', 'hosted.ts'], 2, 'needs a queue or a store'],
    [['worker', 'weather.ts', '--store', 'sqlite:x.db'], 1, 'export no registry and no hosted graph'],
    [['worker', 'none.ts', '--store', 'sqlite:x.db'], 1, 'There is no file'],
    [['worker', 'hosted.ts', '--isolation', 'threads', '--redis', 'redis://x'], 2, 'Did you mean "thread"?'],
  ])('refuses %j', async (argv, code, text) => {
    expect(await call(argv)).toMatchObject({ code, out: '', err: expect.stringContaining(text) })
  })
})
