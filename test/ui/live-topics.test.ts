import { createApplication, defineState } from 'teasel'
import { UiError } from 'teasel/client'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { LiveRuns } from '../../src/client/live-runs.js'
import { flushUntil } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { clientOf, handlerOf } from './rig.js'

// What is listened to, where a server has no stream: it is read again every two seconds.

/** A server that refuses its streams while `refuses` holds. */
function server() {
  const persister = memoryPersister()
  const handler = handlerOf({ persister })
  const told = { refuses: true, streams: 0, lists: 0 }
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const { pathname } = new URL(input as string)
    if (pathname.endsWith('/runs')) told.lists += 1
    if (!pathname.endsWith('/stream')) return handler(new Request(input, init))
    told.streams += 1
    if (!told.refuses) return handler(new Request(input, init))
    return Response.json(new UiError('no-page', 'There is no stream here.'), { status: 404 })
  }
  const kit = defineState<{ n: number }>()
  const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
  const graph = kit.graph({ actions: { add } })
  const run = (appId: string) =>
    createApplication(graph, { appId, entrypoint: 'add', state: { n: 0 }, persister, logger: quiet }).run()
  return { told, run, client: clientOf(handler, { fetch }) }
}

/** Timers that move only by hand. */
function stopTimers() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
}

/** The ids of the runs of a server, listened to. */
function listening({ client }: ReturnType<typeof server>) {
  const live = new LiveRuns(client)
  const answer = live.answer<readonly string[]>(
    'runs',
    { topic: 'runs', ask: async (of) => (await of.list()).items.map(({ runId }) => runId) },
    { data: undefined, error: undefined, isLoading: true, isLive: false },
  )
  let changes = 0
  const leave = answer.subscribe(() => {
    changes += 1
  })
  return {
    live,
    leave,
    answer,
    /** Moves the clock by steps until the answer has changed to something that holds. */
    async until(holds: () => boolean, ms: number): Promise<void> {
      for (let passed = 0; passed < ms && !holds(); passed += 50) {
        const before = changes
        await vi.advanceTimersByTimeAsync(50)
        if (changes > before) await flushUntil(() => true)
      }
      expect(holds()).toBe(true)
    },
  }
}

describe('a client whose server refuses the stream', () => {
  it('reads every two seconds what is listened to, and is not live', async () => {
    stopTimers()
    const at = server()
    const { answer, until, leave } = listening(at)
    await until(() => answer.snapshot.data?.length === 0, 1000)
    await at.run('a')

    await until(() => answer.snapshot.data?.join() === 'a', 2500)
    await at.run('b')
    await until(() => answer.snapshot.data?.length === 2, 2500)

    expect(answer.snapshot).toMatchObject({ isLive: false, isLoading: false, error: undefined })
    expect(at.told.streams).toBeGreaterThanOrEqual(2)
    leave()
  })

  it('asks no more often than that', async () => {
    stopTimers()
    const at = server()
    const { answer, until, leave } = listening(at)
    await until(() => answer.snapshot.data?.length === 0, 1000)
    const { streams, lists } = at.told

    await vi.advanceTimersByTimeAsync(20_000)

    expect(at.told.streams - streams).toBe(10)
    expect(at.told.lists - lists).toBeLessThanOrEqual(11)
    leave()
  })

  it('is live as soon as the stream is there again', async () => {
    stopTimers()
    const at = server()
    const { answer, until, leave } = listening(at)
    await until(() => answer.snapshot.data?.length === 0, 1000)
    at.told.refuses = false

    await until(() => answer.snapshot.isLive, 5000)
    const { streams } = at.told
    await vi.advanceTimersByTimeAsync(10_000)

    expect(at.told.streams).toBe(streams)
    leave()
  })

  it('asks for nothing once nobody listens', async () => {
    stopTimers()
    const at = server()
    const { live, answer, until, leave } = listening(at)
    await until(() => answer.snapshot.data?.length === 0, 1000)
    leave()
    await vi.advanceTimersByTimeAsync(100)
    const { streams, lists } = at.told

    await vi.advanceTimersByTimeAsync(20_000)

    expect([at.told.streams, at.told.lists, live.size]).toEqual([streams, lists, 0])
    expect(vi.getTimerCount()).toBe(0)
  })
})
