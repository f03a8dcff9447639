import type { SavePolicy } from '../../src/persistence/scope-settings.js'

/** A stream of random numbers from a seed: the same seed, the same numbers. */
export function randomOf(seed: number): () => number {
  let at = seed >>> 0
  return () => {
    at = (at + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(at ^ (at >>> 15), at | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The draw for one run of the application, over all its lives. */
export interface Draw {
  readonly save: SavePolicy
  /** The map that has a persister of its own. */
  readonly own: 'none' | 'work' | 'deep' | 'inner' | 'race'
  readonly whenUnavailable: 'fail' | 'wait'
  /** The probability that a store goes away at a call; and the maximum time. */
  readonly outages: number
  readonly awayMs: number
  /** Whether `app.save()` is called at random moments. */
  readonly saves: boolean
  /** Whether the wall clock differs between processes, and jumps. */
  readonly jumps: boolean
  /** Where branches run; undefined is the process of the application. */
  readonly executor?: 'threads' | 'processes' | 'bullmq' | undefined
  /** The probability that a worker of the executor dies at a pause. */
  readonly deaths?: number
}

const oneOf = <T>(random: () => number, ...all: readonly T[]): T => all[Math.floor(random() * all.length)] as T

/** The probability that a worker dies at a pause. A branch as a job goes on after the lock of its job has run out. */
const DEATHS = { threads: [0.01, 0.03, 0.06], processes: [0.01, 0.03, 0.06], bullmq: [0.002, 0.005, 0.01] } as const

/** Draws the store and the disturbances of one run. A map inside a worker has no store of its own. */
export function drawRun(random: () => number, executor?: Draw['executor']): Draw {
  const draw = drawAlone(random)
  if (executor === undefined) return draw
  const own = draw.own === 'deep' || draw.own === 'inner' ? 'none' : draw.own
  return { ...draw, own, executor, deaths: oneOf(random, ...DEATHS[executor]) }
}

function drawAlone(random: () => number): Draw {
  return {
    save: oneOf<SavePolicy>(
      random,
      'every-step',
      'every-step',
      'settle',
      { after: ['next'] },
      { after: ['mark', 'race'] },
    ),
    own: oneOf(random, 'none', 'none', 'work', 'deep', 'inner', 'race'),
    whenUnavailable: oneOf(random, 'fail', 'wait'),
    outages: oneOf(random, 0, 0, 0.003, 0.01),
    awayMs: oneOf(random, 5, 40),
    saves: random() < 0.4,
    jumps: random() < 0.4,
  }
}

/** A run without disturbances. */
export const CALM: Draw = {
  save: 'every-step',
  own: 'none',
  whenUnavailable: 'fail',
  outages: 0,
  awayMs: 0,
  saves: false,
  jumps: false,
}
