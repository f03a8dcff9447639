import { copyFileSync, existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { createPersister, memoryPersister, PersistenceError, type PersisterDriver } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { ManualClock } from 'teasel/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { defer, flush } from '../support/deferred.js'
import { overDriver } from '../support/over-driver.js'

const folder = mkdtempSync(join(tmpdir(), 'teasel-closing-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: async ({ state: { n } }) => ({ n: n + 1 }) })
const graph = kit.graph({ actions: { add } })
const options = { appId: 'app', entrypoint: 'add', state: { n: 0 } } as const

/** A store that answers on command. */
function slow(answer: () => Promise<void>): { readonly driver: PersisterDriver; readonly told: string[] } {
  const { driver } = memoryPersister()
  const told: string[] = []
  const made = overDriver(driver, {
    name: 'slow',
    async save(group) {
      await answer()
      await driver.save(group)
      told.push('saved')
    },
    close: () => void told.push('closed'),
  })
  return { driver: made, told }
}

describe('a disposed persister', () => {
  it.skipIf(!existsSync('/proc/self/fd'))('keeps no file open, and its file alone is complete', async () => {
    const file = join(folder, 'jobs.db')
    for (let i = 0; i < 5; i++) {
      await using persister = sqlitePersister({ file })
      await (await resumeOrCreate(graph, { ...options, resumeAt: 'entrypoint', persister })).run()
    }

    const open = readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder)
      } catch {
        return false
      }
    })
    copyFileSync(file, join(folder, 'copy.db'))
    await using copy = sqlitePersister({ file: join(folder, 'copy.db') })

    expect(open).toEqual([])
    expect((await copy.load({ appId: 'app' }))?.state).toEqual({ n: 5 })
  })

  it('waits for pending saves', async () => {
    const gate = defer()
    const { driver, told } = slow(() => gate.promise)
    const persister = createPersister(driver)
    const run = createApplication(graph, { ...options, persister }).run()
    await flush()

    const closing = persister.close()
    await flush()
    const before = [...told]
    gate.resolve()
    await closing
    await run.catch(() => {})

    expect(before).toEqual([])
    expect(told.slice(0, 1)).toEqual(['saved'])
    expect(told).toContain('closed')
  })

  it('ends a run that waits for an unavailable store', async () => {
    const away = new PersistenceError('No connection.', { fault: 'unavailable', appId: undefined })
    const { driver } = slow(() => Promise.reject(away))
    const persister = createPersister(driver)
    const clock = new ManualClock()
    const run = createApplication(graph, { ...options, persister, whenUnavailable: 'wait', clock }).run()
    const ended = run.then(
      () => 'finished',
      (error: unknown) => error,
    )
    for (let i = 0; i < 5; i++) await flush()

    await persister.close()
    for (let i = 0; i < 5; i++) {
      clock.advance(5_000)
      await flush()
    }

    expect(await ended).toMatchObject({ fault: 'unavailable' })
  })
})
