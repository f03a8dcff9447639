import { crc32 } from './crc32.js'
import { sha256 } from './sha256.js'

// The only file that depends on the platform. Node's modules are reached through `process`, never imported, so that
// bundlers for the browser have nothing to resolve.

interface NodeCrypto {
  hash?(algorithm: string, data: string, encoding: 'buffer'): Uint8Array
}
interface NodeZlib {
  crc32?(data: string, before?: number): number
}
interface NodeOs {
  hostname?(): string
}
interface NodeProcess {
  on?(signal: string, listener: () => void): unknown
  off?(signal: string, listener: () => void): unknown
  readonly pid?: number
  getBuiltinModule?(id: string): unknown
}

/** A module of Node's own; undefined on another platform. */
function builtin<T>(id: string): T | undefined {
  const { process } = globalThis as { readonly process?: NodeProcess }
  return process?.getBuiltinModule?.(id) as T | undefined
}

/** A runner, as another process sees it: its id, and on Node its host and its process. */
export function describeWorker(id: string): { readonly id: string; readonly host?: string; readonly pid?: number } {
  const { process } = globalThis as { readonly process?: NodeProcess }
  const host = builtin<NodeOs>('node:os')?.hostname?.()
  return { id, ...(host !== undefined && { host }), ...(process?.pid !== undefined && { pid: process.pid }) }
}

/** The number of this thread in its process; undefined for the main thread, and on another platform. */
export function threadNumber(): number | undefined {
  const { threadId = 0 } = builtin<{ readonly threadId?: number }>('node:worker_threads') ?? {}
  return threadId === 0 ? undefined : threadId
}

let digest: ((text: string) => Uint8Array) | undefined

/** The SHA-256 of a text's UTF-8 bytes, computed synchronously. 32 bytes. */
export function sha256Of(text: string): Uint8Array {
  if (digest === undefined) {
    const hash = builtin<NodeCrypto>('node:crypto')?.hash
    digest = hash === undefined ? (t) => sha256(new TextEncoder().encode(t)) : (t) => hash('sha256', t, 'buffer')
  }
  return digest(text)
}

let sum: ((text: string, before?: number) => number) | undefined

/**
 * The CRC-32 of a text's UTF-8 bytes, at once.
 * @param before the sum of the text that precedes it, which need not be put together with it
 */
export function crc32Of(text: string, before = 0): number {
  sum ??= builtin<NodeZlib>('node:zlib')?.crc32 ?? ((t, start) => crc32(new TextEncoder().encode(t), start))
  return sum(text, before)
}

/**
 * Bound when the module loads, so that tests that fake the platform's timers later have no effect here. Fake timers
 * installed earlier carry a `clock`; with those the engine would wait forever for the test to advance them.
 */
const immediate = typeof setImmediate === 'function' && !('clock' in setImmediate) ? setImmediate : viaTimerOrChannel()
const platformClock = performance
const platformNow = performance.now

/** The time of the engine itself. Random schedules replace it. */
export const engineTime: { immediate: (fn: () => void) => void; now: () => number } = {
  immediate: (fn) => void immediate(fn), // some platforms refuse a call as a method
  now: () => platformNow.call(platformClock),
}

/** Runs `fn` in a macrotask of its own, after due timers and input. */
export function macrotask(fn: () => void): void {
  engineTime.immediate(fn)
}

/** A timer of a browser takes four milliseconds. In a Cloudflare Worker no timer runs while messages of a channel come. */
function viaTimerOrChannel(): (fn: () => void) => void {
  const { navigator } = globalThis as { readonly navigator?: { readonly userAgent?: string } }
  const later = setTimeout
  return navigator?.userAgent === 'Cloudflare-Workers' ? (fn) => void later(fn, 0) : viaChannel
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

/** Milliseconds of real time on a clock that never goes back, even when a test fakes the platform's clock. */
export const monotonic = (): number => engineTime.now()

/** Calls back at a signal of the process, such as `SIGTERM`. @returns a function that ends it */
export function onSignal(signal: string, received: () => void): () => void {
  const { process } = globalThis as { readonly process?: NodeProcess }
  process?.on?.(signal, received)
  return () => void process?.off?.(signal, received)
}
