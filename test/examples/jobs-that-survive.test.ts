import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resumeOrCreate } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'
import { createBackend } from '../../examples/16-jobs-that-survive.js'
import { jobGraph } from '../../examples/jobs/graph.js'
import { SOURCE_ARGUMENTS } from '../support/built/arguments.js'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { ROOT } from '../tools/vitest-report.js'

describe('a backend whose jobs survive', () => {
  it('stores a job before it answers, and reports its status', async () => {
    const { server, stop } = createBackend(memoryPersister(), async (part) => part.toUpperCase())

    const posted = await server.inject({ method: 'POST', url: '/jobs', payload: { parts: ['a', 'b'] } })
    const { id } = posted.json<{ id: string }>()
    await flush()
    const got = await server.inject({ url: `/jobs/${id}` })

    expect([posted.statusCode, got.json()]).toEqual([202, { status: 'finished', report: 'A B' }])
    expect((await server.inject({ url: '/jobs/none' })).statusCode).toBe(404)
    await stop()
  })

  it('resumes running and waiting jobs, and repeats no part that was done', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'teasel-jobs-'))
    const file = join(folder, 'jobs.db')
    const worked: string[] = []
    const last = defer()
    const first = createBackend(sqlitePersister({ file }), async (part, signal) => {
      worked.push(part)
      if (part === 'slow y') last.resolve() // z is queued
      return part.startsWith('slow') ? untilAborted(signal) : part
    })
    const ids: string[] = []
    for (const name of ['x', 'y', 'z']) {
      const payload = { parts: [`fast ${name}`, `slow ${name}`] }
      ids.push((await first.server.inject({ method: 'POST', url: '/jobs', payload })).json<{ id: string }>().id)
    }
    await last.promise
    await first.stop()
    expect(worked).toEqual(['fast x', 'slow x', 'fast y', 'slow y'])
    worked.length = 0

    const second = createBackend(sqlitePersister({ file }), async (part) => {
      worked.push(part)
      return part
    })
    await second.start()
    await flush()
    const jobs = await Promise.all(ids.map(async (id) => (await second.server.inject({ url: `/jobs/${id}` })).json()))

    expect(worked.sort()).toEqual(['fast z', 'slow x', 'slow y', 'slow z'])
    expect(jobs).toEqual(['x', 'y', 'z'].map((name) => ({ status: 'finished', report: `fast ${name} slow ${name}` })))
    await second.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('resumes neither a failed nor a cancelled job, and finds an interrupted one beyond the first page', async () => {
    const persister = memoryPersister()
    const begun = { slow: defer(), endless: defer() }
    const graph = jobGraph(async (part, signal) => {
      if (part === 'slow' || part === 'endless') begun[part].resolve()
      if (part === 'bad') throw new RangeError('poison')
      return part === 'good' ? part : untilAborted(signal)
    })
    const job = (appId: string, part: string) =>
      resumeOrCreate(graph, { appId, persister, entrypoint: 'all', state: { parts: [part] } })
    const interrupted = await job('interrupted', 'slow')
    const cancelled = await job('cancelled', 'endless')
    const runs = [interrupted.run(), cancelled.run()]
    await Promise.all([begun.slow.promise, begun.endless.promise])
    await Promise.all([interrupted.shutdown('SIGTERM'), cancelled.cancel({ reason: 'not needed' })])
    await Promise.allSettled(runs)
    await (await job('failed', 'bad')).run().catch(() => {})
    for (let i = 0; i < 120; i++) await (await job(`finished ${i}`, 'good')).run()
    const again: string[] = []

    const backend = createBackend(persister, async (part) => {
      again.push(part)
      return part
    })
    await backend.start()
    await flush()

    expect(again).toEqual(['slow'])
    await backend.stop()
  })

  it('ends with code 0 on SIGTERM', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'teasel-jobs-'))
    const program = [...SOURCE_ARGUMENTS, 'examples/16-jobs-that-survive.ts', join(folder, 'jobs.db')]
    const child = spawn(process.execPath, program, { cwd: ROOT })
    await once(child.stdout, 'data')

    child.kill('SIGTERM')
    const [code] = (await once(child, 'close')) as [number | null]

    expect(code).toBe(0)
    rmSync(folder, { recursive: true, force: true })
  }, 30_000)
})
