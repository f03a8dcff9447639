import type { Act, Leaf, MapNest, Mercy } from './plan.js'
import type { Random } from './random.js'

// Acts of the code of a leaf, of a source and of `reduce`, drawn from a seed.

/** Acts of a leaf. At the root (depth 0) there are no siblings. */
export function makeActs(random: Random, mode: Leaf['mode'], siblings: readonly string[], depth: number): Act[] {
  const count =
    random.weighted([
      [0, 1],
      [1, 4],
      [2, 3],
      [4, 2],
    ]) ?? 1
  return Array.from({ length: count }, () => makeAct(random, mode, siblings, depth))
}

function makeAct(random: Random, mode: Leaf['mode'], siblings: readonly string[], depth: number): Act {
  const waits = mode === 'sync' ? 0 : 1
  const kin = siblings.length > 0 ? 1 : 0
  const kind = random.weighted([
    ['pause', 10 * waits],
    ['sleep', 3 * waits],
    ['spin', 2 * waits],
    ['chunk', mode === 'stream' ? 12 : 0],
    ['cancel', 1.5 * kin],
    ['cancel-above', depth > 0 ? 0.3 : 0],
    ['send', 3 * kin],
    ['broadcast', kin],
    ['hear', 1.5 * kin * waits],
    ['receive', 0.7 * waits],
    ['log', 1],
    ['throw', 1.2],
  ] as const)
  switch (kind) {
    case 'pause':
      return { do: 'pause', deaf: random.chance(0.3), fails: random.chance(0.12) }
    case 'sleep':
      return { do: 'sleep', ms: random.int(1, 60), deaf: random.chance(0.3) }
    case 'spin':
      return { do: 'spin', times: random.int(1, 6) }
    case 'chunk':
      return { do: 'chunk', times: random.chance(0.2) ? random.int(30, 70) : random.int(1, 3) }
    case 'cancel':
      return { do: 'cancel', key: random.chance(0.05) ? 'nobody' : (random.pick(siblings) ?? '') }
    case 'send':
      return { do: 'send', key: random.chance(0.05) ? 'nobody' : (random.pick(siblings) ?? '') }
    case 'cancel-above':
      return { do: 'cancel-above', up: random.int(1, depth) }
    case 'hear':
      return { do: 'hear', times: random.int(1, 2) }
    default:
      return { do: kind ?? 'log' }
  }
}

/** Acts of a leaf in its `finally`. */
export function makeCleanup(random: Random, siblings: readonly string[]): Act[] {
  const kind = random.weighted([
    ['none', 5],
    ['spin', 1],
    ['pause', 2],
    ['throw', 1],
    ['both', 1],
    ['send', siblings.length > 0 ? 0.5 : 0],
  ] as const)
  const pause: Act = { do: 'pause', deaf: true, fails: false }
  if (kind === 'spin') return [{ do: 'spin', times: random.int(1, 4) }]
  if (kind === 'pause') return [pause]
  if (kind === 'throw') return [{ do: 'throw' }]
  if (kind === 'both') return [pause, { do: 'throw' }]
  if (kind === 'send') return [{ do: 'send', key: random.pick(siblings) ?? '' }]
  return []
}

/** Retries, fallbacks and error transitions, with a given probability. */
export function makeMercy(random: Random, chance: number): Mercy | undefined {
  if (!random.chance(chance)) return undefined
  return {
    attempts: random.int(1, 3),
    delayMs: random.pick([0, 10]),
    timeoutMs: random.chance(0.6) ? random.pick([5, 15, 40]) : undefined,
    fallback: random.chance(0.25),
  }
}

/** Acts of `reduce` before it returns. */
export function makeReduce(random: Random): Act[] {
  const kind = random.weighted([
    ['at once', 6],
    ['pause', 3],
    ['throw', 0.5],
    ['both', 0.5],
  ] as const)
  const pause: Act = { do: 'pause', deaf: random.chance(0.4), fails: random.chance(0.1) }
  if (kind === 'pause') return [pause]
  if (kind === 'throw') return [{ do: 'throw' }]
  if (kind === 'both') return [pause, { do: 'throw' }]
  return []
}

/** Acts of a generator between its entries, or when it is closed. Only an async one can wait. */
export function makeSourceActs(random: Random, source: MapNest['source'], closing = false): Act[] {
  if (source === 'generator') return closing && random.chance(0.3) ? [{ do: 'throw' }] : []
  const kind = random.weighted([
    ['pause', 4],
    ['spin', 1],
    ['throw', closing ? 0.5 : 0],
  ] as const)
  if (kind === 'spin') return [{ do: 'spin', times: random.int(1, 3) }]
  if (kind === 'throw') return [{ do: 'throw' }]
  return [{ do: 'pause', deaf: closing || random.chance(0.4), fails: false }]
}
