import { createApplication, WorkerLostError } from 'teasel'
import type { Executor } from 'teasel/executor'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'
import { kit } from './fixtures/branches.js'
import { odd } from './fixtures/broken.js'
import { type Item, mapIn, statesOf } from './fixtures/map-in.js'
import { POOLS, using } from './pool-rig.js'

/** Runs two branches of the module that is another one in its workers. */
async function runBroken(executor: Executor): Promise<unknown> {
  const all = kit.mapStates({
    reads: [],
    writes: ['sum'],
    action: odd,
    executor,
    states: [{ n: 1 }, { n: 2 }],
    reduce: () => ({ sum: 0 }),
  })
  const app = createApplication(kit.graph({ actions: { all } }), { entrypoint: 'all', state: {}, logger: quiet })
  return app.run().then(
    () => 'done',
    (error: { readonly cause?: unknown }) => error.cause,
  )
}

describe.each(POOLS)('%s: a branch whose worker', (name, make) => {
  const ways = name === 'threads' ? ['exit', 'error'] : ['exit', 'error', 'kill']

  it.each(ways)('dies by itself (%s) goes on in another one, and so do its neighbours', async (text) => {
    const own = using(make({ workers: 1, output() {} }))
    const results = await mapIn(own, [
      ['dies', { n: 1, text }],
      ['span', { n: 20 }],
    ]).results()
    expect(statesOf(results)[0]?.sum).toBe(2)
  })

  it('dies at each delivery fails with how it ended and its last lines, and takes nobody with it', async () => {
    const own = using(make({ workers: 1, output() {} }))
    const text = name === 'threads' ? 'exit' : 'kill'
    const spans = Array.from({ length: 5 }, (): Item => ['span', { n: 20 }])
    const [dead, ...others] = await mapIn(own, [['dies', { n: 9, text }], ...spans]).results()
    expect(others.map(({ status }) => status)).toEqual(Array(5).fill('done'))
    const error = (dead?.status === 'failed' && dead.error) as WorkerLostError
    expect(error).toBeInstanceOf(WorkerLostError)
    expect(error).toMatchObject({ deliveries: 3, output: [`dying of ${text}`] })
    expect(error).toMatchObject(text === 'exit' ? { exitCode: 7 } : { signal: 'SIGKILL' })
    expect(error.message).toContain(
      text === 'exit' ? 'ended with the exit code 7.' : 'was ended by the signal SIGKILL.',
    )
  })

  it('runs out of memory fails, and this process goes on', async () => {
    const own = using(make({ workers: 1, maxMemoryMb: 64, maxDeliveries: 1, output() {} }))
    const [dead] = await mapIn(own, [['dies', { n: 9, text: 'memory' }]]).results()
    expect(dead).toMatchObject({ status: 'failed', error: { code: 'worker-lost', deliveries: 1 } })
    expect((dead?.status === 'failed' && dead.error.message) as string).toContain('ran out of memory')
    expect(await mapIn(own, [['double', { n: 4 }]]).run()).toEqual(['double0: 8'])
  })

  it('cannot load its module fails at once, with the reason', async () => {
    const lines: string[] = []
    const output = ({ line }: { readonly line: string }): void => void lines.push(line)
    const own = using(make({ workers: 1, env: { TEASEL_TEST_CODE: 'throws' }, output }))
    expect(await runBroken(own)).toMatchObject({
      name: 'TypeError',
      message: expect.stringMatching(
        /^The worker cannot load the module file:.*broken\.ts\. this module cannot begin$/,
      ),
    })
    await own.close()
    expect(lines).toEqual(['loading'])
  })

  it('has other code is refused', async () => {
    const own = using(make({ workers: 1, env: { TEASEL_TEST_CODE: 'other' }, output() {} }))
    expect(await runBroken(own)).toMatchObject({
      message: expect.stringContaining('has other code under "odd" of the registry "broken"'),
    })
  })

  it('cannot start fails at once, and so does the next one', async () => {
    const own = using(make({ workers: 2, execArgv: ['--no-such-option'], output() {} }))
    for (let i = 0; i < 2; i++) {
      const results = await mapIn(own, [
        ['double', { n: 1 }],
        ['double', { n: 2 }],
      ]).results()
      expect(results).toMatchObject(Array(2).fill({ status: 'failed', error: { code: 'worker-lost', deliveries: 1 } }))
      expect((results[0]?.status === 'failed' && results[0].error.message) as string).toContain('--no-such-option')
    }
  })

  it('is closed fails, whether it runs or is queued; a later one fails at once', async () => {
    const own = using(make({ workers: 1, tasksPerWorker: 1 }))
    const { run, chunks } = mapIn(own, [['holds'], ['double', { n: 1 }]])
    const here = chunks(1)
    const ran = run()
    await here
    await own.close()
    const closed = /Its worker was lost\. The executor was closed\./
    expect(await ran).toEqual([expect.stringMatching(closed), expect.stringMatching(closed)])
    expect(await mapIn(own, [['double', { n: 1 }]]).run()).toEqual([expect.stringMatching(closed)])
  })
})
