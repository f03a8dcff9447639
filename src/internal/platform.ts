import { sha256 } from './sha256.js'

// The only file that asks the platform. Node's own modules are reached through `process`, never imported, so that
// bundlers for the browser see nothing to resolve.

interface NodeCrypto {
  hash?(algorithm: string, data: string, encoding: 'buffer'): Uint8Array
}
interface NodeProcess {
  getBuiltinModule?(id: string): unknown
}

function nodeHash(): NodeCrypto['hash'] {
  const { process } = globalThis as { readonly process?: NodeProcess }
  const crypto = process?.getBuiltinModule?.('node:crypto') as NodeCrypto | undefined
  return crypto?.hash
}

let digest: ((text: string) => Uint8Array) | undefined

/** The SHA-256 of a text's UTF-8 bytes, at once. 32 bytes. */
export function sha256Of(text: string): Uint8Array {
  if (digest === undefined) {
    const hash = nodeHash()
    digest = hash === undefined ? (t) => sha256(new TextEncoder().encode(t)) : (t) => hash('sha256', t, 'buffer')
  }
  return digest(text)
}

/**
 * Bound when the module loads: a test that fakes the timers of the platform later changes nothing here. Fake timers
 * that were there first carry a `clock`; the engine would wait for ever for the test to move it.
 */
const immediate = typeof setImmediate === 'function' && !('clock' in setImmediate) ? setImmediate : viaChannel
const platformClock = performance
const platformNow = performance.now

/** The time of the engine itself. Random schedules put their own in its place. */
export const engineTime: { immediate: (fn: () => void) => void; now: () => number } = {
  immediate,
  now: () => platformNow.call(platformClock),
}

/** Runs `fn` in a macrotask of its own, after the timers and input that are due. */
export function macrotask(fn: () => void): void {
  engineTime.immediate(fn)
}

function viaChannel(fn: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener(
    'message',
    () => {
      port1.close()
      fn()
    },
    { once: true },
  )
  port1.start()
  port2.postMessage(undefined)
}

/** Milliseconds of real time on a clock that never goes back, also where a test fakes the platform's. */
export const monotonic = (): number => engineTime.now()
