import { describe, expect, it } from 'vitest'
import { answer } from './fixtures/branches.js'
import { type Item, mapIn, statesOf } from './fixtures/map-in.js'
import { POOLS, using } from './pool-rig.js'

describe.each(POOLS)('%s', (name, make) => {
  const pool = using(make({ workers: 2 }), 'file')

  it('run branches, and keep their order and their keys', async () => {
    const items = Array.from({ length: 20 }, (_, n): Item => ['double', { n }])
    expect(await mapIn(pool, items).run()).toEqual(items.map(([, state], i) => `double${i}: ${(state?.n ?? 0) * 2}`))
  })

  it('run a thousand branches', async () => {
    const { results } = mapIn(
      pool,
      Array.from({ length: 1_000 }, (_, n): Item => ['double', { n }]),
    )
    const sum = statesOf(await results()).reduce((total, state) => total + state.sum, 0)
    expect(sum).toBe(999_000)
  })

  it('run where they say, with the environment of this process', async () => {
    const [state] = statesOf(await mapIn(pool, [['places']]).results())
    expect(state?.text).toBe(name === 'threads' ? 'thread' : 'process')
  })

  it('stream the chunks of a branch in order', async () => {
    const { app } = mapIn(pool, [['words', { text: 'one two three four' }]])
    const chunks: unknown[] = []
    for await (const event of app.stream()) if (event.type === 'chunk') chunks.push(event.chunk)
    expect(chunks).toEqual(['one', 'two', 'three', 'four'])
  })

  it('give failures as data: with their class, their message and their cause', async () => {
    const [result] = await mapIn(pool, [['fails', { n: 7 }]]).results()
    expect(result).toMatchObject({
      status: 'failed',
      error: {
        name: 'ActionError',
        cause: { name: 'RangeError', message: '7 is too much.', cause: { message: 'deep' } },
      },
    })
    const { cause } = (result?.status === 'failed' && result.error) as Error
    expect((cause as Error).stack).toContain('fixtures/branches.ts')
  })

  it('try an action again in its worker, and a branch by the word of its owner', async () => {
    const twice = { retry: { attempts: 2, delayMs: 1 } }
    const [action, branch] = await mapIn(pool, [
      ['flaky', { n: 1 }],
      ['fails', { n: 2 }, twice],
    ]).results()
    expect([action, branch]).toMatchObject([
      { status: 'done', state: { sum: 4 } },
      { status: 'failed', attempts: 2 },
    ])
  })

  it('cancel a branch by its signal, which cleans up', async () => {
    const lines: string[] = []
    const own = using(make({ workers: 1, output: ({ line }) => void lines.push(line) }))
    const { app, run, chunks } = mapIn(own, [['holds'], ['double', { n: 1 }]])
    const here = chunks(1)
    const ran = run()
    await here
    await app.cancel({ path: 'all/holds0', reason: 'enough' })
    expect(await ran).toEqual(['holds0: cancelled, enough', 'double1: 2'])
    await own.close()
    expect(lines).toEqual(['cleaned up'])
  })

  it('never run a branch that was cancelled in the queue', async () => {
    const lines: string[] = []
    const own = using(make({ workers: 1, tasksPerWorker: 1, output: ({ line }) => void lines.push(line) }))
    const { app, run, chunks } = mapIn(own, [['holds'], ['prints', { n: 1 }]])
    const here = chunks(1)
    const ran = run()
    await here
    await app.cancel({ path: 'all/prints1', reason: 'not needed' })
    await app.cancel({ path: 'all/holds0', reason: 'enough' })
    expect(await ran).toEqual(['holds0: cancelled, enough', 'prints1: cancelled, not needed'])
    await own.close()
    expect(lines).toEqual(['cleaned up'])
  })

  it('end a worker that calculates past the grace period of its cancel; its neighbours go on elsewhere', async () => {
    const own = using(make({ workers: 1 }))
    const { app, run, chunks } = mapIn(own, [['holds'], ['spins', { text: 'later' }, { graceMs: 50 }]])
    const again: unknown[] = []
    const lastHere = new Promise<void>((resolve) =>
      app.on('chunk', ({ chunk }) => {
        again.push(chunk)
        if (chunk === 'here 2') resolve()
      }),
    )
    const here = chunks(2)
    const ran = run()
    await here
    await app.cancel({ path: 'all/spins1', reason: 'too long' })
    await lastHere
    await app.cancel({ path: 'all/holds0', reason: 'enough' })
    expect(await ran).toEqual(['holds0: cancelled, enough', 'spins1: cancelled, too long'])
    expect(again.toSorted()).toEqual(['here', 'here 1', 'here 2'])
  })

  it('time out a branch that blocks its worker from its first line', async () => {
    const own = using(make({ workers: 1 }))
    const [result] = await mapIn(own, [['spins', { text: 'at once' }, { timeoutMs: 50, graceMs: 20 }]]).results()
    expect(result).toMatchObject({ status: 'failed', error: { name: 'TimeoutError' } })
    expect(await mapIn(own, [['double', { n: 4 }]]).run()).toEqual(['double0: 8'])
  })

  it('take no more branches to a worker with code that ignores its cancel, and end it after its others', async () => {
    const own = using(make({ workers: 1 }))
    const { app, run, chunks } = mapIn(own, [['deaf', {}, { graceMs: 20 }], ['holds']])
    const leaked = new Promise((resolve) => app.on('branch.leaked', resolve))
    const here = chunks(2)
    const ran = run()
    await here
    await app.cancel({ path: 'all/deaf0', reason: 'enough' })
    await leaked
    const after = await mapIn(own, [['places'], ['places']]).results()
    await app.cancel({ path: 'all/holds1', reason: 'enough' })
    expect(await ran).toEqual(['deaf0: cancelled, enough', 'holds1: cancelled, enough'])
    const again = await mapIn(own, [['places']]).results()
    const [[first], [second], [third]] = statesOf([...after, ...again]).map(({ out }) => out) as [
      string[],
      string[],
      string[],
    ]
    expect([second, third]).toEqual([first, first])
  })

  it('wait for a message without a slot, and go on when they have one', async () => {
    const own = using(make({ workers: 1, tasksPerWorker: 1 }))
    const { app, run } = mapIn(own, [['asks'], ['asks'], ['double', { n: 1 }]])
    const asked: string[] = []
    const bothWait = new Promise<void>((resolve) => app.on('wait', () => void (asked.push('wait') === 2 && resolve())))
    const doubled = new Promise<void>((resolve) =>
      app.on('branch.settled', ({ key }) => void (key === 'double2' && resolve())),
    )
    const ran = run()
    await Promise.all([bothWait, doubled])
    expect(app.pending.map(({ ask }) => ask)).toEqual(['What?', 'What?'])
    app.send(answer('b'), { path: 'all/asks1' })
    app.send(answer('a'), { path: 'all/asks0' })
    expect(await ran).toEqual(['asks0: a', 'asks1: b', 'double2: 2'])
  })

  it('pass messages between branches in different workers, and in one slot', async () => {
    const items: Item[] = [
      ['greets', { text: 'greets1' }],
      ['greets', { text: 'greets0' }],
    ]
    const apart = statesOf(await mapIn(using(make({ workers: 2, tasksPerWorker: 1 })), items).results())
    expect(apart.map(({ text }) => text)).toEqual(['hello from greets1', 'hello from greets0'])
    expect(new Set(apart.map(({ span }) => span.worker)).size).toBe(2)
    const oneSlot = statesOf(await mapIn(using(make({ workers: 1, tasksPerWorker: 1 })), items).results())
    expect(oneSlot.map(({ text }) => text)).toEqual(['hello from greets1', 'hello from greets0'])
  })

  it('run maps within branches in the same worker: four levels in one slot', async () => {
    const own = using(make({ workers: 1, tasksPerWorker: 1 }))
    expect(
      await mapIn(own, [
        ['deep3', { n: 0 }],
        ['deep3', { n: 0 }],
      ]).run(),
    ).toEqual(['deep30: 24', 'deep31: 24'])
  })

  it('carry 8 MB of bytes there and back, and leave those of the caller where they are', async () => {
    const bytes = new Uint8Array(8 * 1024 * 1024).map((_, i) => i % 251)
    const copy = bytes.slice()
    const items: Item[] = [
      ['echoes', { bytes }],
      ['echoes', { bytes }],
    ]
    for (const { bytes: back } of statesOf(await mapIn(pool, items).results()))
      expect([Buffer.compare(back, copy), back.buffer === bytes.buffer]).toEqual([0, false])
    expect(Buffer.compare(bytes, copy)).toBe(0)
  })
})
