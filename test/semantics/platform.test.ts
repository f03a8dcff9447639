import { afterEach, describe, expect, it, vi } from 'vitest'
import { createDeferred } from '../../src/internal/deferred.js'
import { engineTime } from '../../src/internal/platform.js'
import { sliceOver } from '../../src/internal/slice.js'

const { immediate, now } = engineTime

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
  Object.assign(engineTime, { immediate, now })
})

describe('the engine on other platforms', () => {
  it('calls the function of the platform for a macrotask without an object, as Cloudflare Workers demand', async () => {
    const own = setImmediate
    vi.stubGlobal('setImmediate', function (this: unknown, fn: () => void) {
      if (this !== undefined)
        throw new TypeError('Illegal invocation: function called with incorrect `this` reference.')
      return own(fn)
    })
    vi.resetModules()
    const fresh = await import('../../src/internal/platform.js')
    const { promise, resolve } = createDeferred<string>()

    fresh.macrotask(() => resolve('called'))

    expect(await promise).toBe('called')
  })

  it('waits for a timer in a Cloudflare Worker without setImmediate, where messages of a channel come before timers', async () => {
    vi.stubGlobal('setImmediate', undefined)
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
    vi.stubGlobal('MessageChannel', undefined)
    vi.resetModules()
    const fresh = await import('../../src/internal/platform.js')
    const { promise, resolve } = createDeferred<string>()

    fresh.macrotask(() => resolve('called'))

    expect(await promise).toBe('called')
  })

  it('ends a slice although the clock stands still while code runs, as it does in Cloudflare Workers', async () => {
    const { promise, resolve } = createDeferred<void>()
    setImmediate(resolve)
    await promise // the slice of earlier code is over
    Object.assign(engineTime, { now: () => 7 })
    let borders = 0
    while (sliceOver() === undefined && borders < 1_000_000) borders += 1

    expect(borders).toBeGreaterThan(1_000)
    expect(borders).toBeLessThan(100_000)
  })
})
