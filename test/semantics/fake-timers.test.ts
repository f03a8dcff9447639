import { afterEach, describe, expect, it, vi } from 'vitest'

afterEach(() => {
  vi.useRealTimers()
  vi.resetModules()
})

/** Loads the engine afresh: it has one slice clock per thread. */
async function fresh() {
  vi.resetModules()
  const { createApplication, defineState } = await import('teasel')
  const kit = defineState<{ n: number }>()
  let sum = 0
  /** Computes for a number of steps, each of a millisecond or more; it reads no clock, since all are fake. */
  return (steps: number) => {
    const work = kit.action({
      reads: ['n'],
      writes: ['n'],
      run({ state: { n } }) {
        for (let i = 0; i < 300_000; i++) sum += Math.sqrt(i)
        return { n: sum > 0 ? n + 1 : n }
      },
    })
    const graph = kit.graph({
      actions: { work },
      transitions: { work: [{ to: 'work', when: ({ state }) => state.n < steps }] },
    })
    return createApplication(graph, { entrypoint: 'work', state: { n: 0 } }).run()
  }
}

describe('fake timers', () => {
  it('around a computing run let it end', async () => {
    const calculate = await fresh()
    vi.useFakeTimers()

    const { state } = await calculate(40)

    expect(state.n).toBe(40)
  })

  it('installed when the module loads let a run end', async () => {
    vi.useFakeTimers()
    const calculate = await fresh()

    const { state } = await calculate(40)

    expect(state.n).toBe(40)
  })

  it('leave nothing behind: a later run yields to real timers', async () => {
    const calculate = await fresh()
    vi.useFakeTimers()
    await calculate(40)
    vi.useRealTimers()
    let turns = 0
    const others = setInterval(() => {
      turns += 1
    }, 1)

    await calculate(40)

    clearInterval(others)
    expect(turns).toBeGreaterThan(0)
  })

  it('drive the delay of a retry', async () => {
    vi.resetModules()
    const { createApplication, defineState } = await import('teasel')
    const kit = defineState<{ n: number }>()
    const flaky = kit.action({
      reads: [],
      writes: ['n'],
      retry: { attempts: 2, delayMs: 60_000 },
      run({ context: { attempt } }) {
        if (attempt === 1) throw new RangeError('not yet')
        return { n: attempt }
      },
    })
    vi.useFakeTimers()

    const run = createApplication(kit.graph({ actions: { flaky } }), { entrypoint: 'flaky', state: {} }).run()
    await vi.advanceTimersByTimeAsync(60_000)

    expect((await run).state.n).toBe(2)
  })
})
