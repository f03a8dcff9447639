import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MovableTimer } from '../../src/adapters/file/movable-timer.js'

describe('a timer that is put off', () => {
  let fired: number[] = []
  let timer = new MovableTimer(() => {}, Date.now)
  beforeEach(() => {
    vi.useFakeTimers({ now: 0, toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    fired = []
    timer = new MovableTimer(
      () => fired.push(Date.now()),
      () => Date.now(),
    )
  })
  afterEach(() => void vi.useRealTimers())

  it('fires once, at the earliest moment that was asked for', () => {
    timer.within(125)
    vi.advanceTimersByTime(50)
    timer.within(25) // at 75
    timer.within(125)
    timer.within(25)
    vi.advanceTimersByTime(1000)
    timer.within(125)
    vi.advanceTimersByTime(110) // at 1160
    timer.within(25) // later than it fires anyway
    vi.advanceTimersByTime(1000)
    expect(fired).toEqual([75, 1175])
  })

  it('has no timer left of a moment that is put off', () => {
    timer.within(25)
    timer.putOff(125)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(1000)
    expect(fired).toEqual([125])
    timer.within(25)
    timer.stop()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('keeps no process, and wakes none for a moment that is put off', () => {
    vi.useRealTimers()
    // Node forgets a cleared timer only if that timer keeps the process.
    const kept: boolean[] = []
    const clear = globalThis.clearTimeout
    vi.stubGlobal('clearTimeout', (one: NodeJS.Timeout) => {
      kept.push(one.hasRef())
      clear(one)
    })
    const set = vi.spyOn(globalThis, 'setTimeout')
    timer.within(60_000)
    expect(set.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([false])
    timer.putOff(60_000)
    timer.stop()
    vi.unstubAllGlobals()
    set.mockRestore()
    expect(kept).toEqual([true, true])
  })
})
