import type { SettlePolicy } from 'teasel'
import { makeActs, makeCleanup, makeMercy, makeReduce, makeSourceActs } from './make-acts.js'
import type {
  Child,
  GraphNest,
  Interception,
  Leaf,
  MapNest,
  Move,
  Nest,
  Pace,
  Plan,
  Reader,
  WatchRule,
} from './plan.js'
import { Random } from './random.js'

const DEPTH = 4

/** Derives one schedule from a seed. */
export function makePlan(seed: number): Plan {
  const random = new Random(seed)
  const limits = random.chance(0.4) ? [random.int(1, 2), random.int(1, 3)] : []
  const nests = new NestMaker(random.fork(), limits.length)
  const steps = nests.steps(
    random.weighted([
      [1, 5],
      [2, 2],
      [3, 1],
    ]) ?? 1,
    0,
    [],
    true,
  )
  const rescue = random.chance(0.15) ? nests.leaf([], 0) : undefined
  const root: GraphNest = { kind: 'graph', name: 'root', steps, laps: random.chance(0.1) ? 2 : 1, rescue }
  return {
    seed,
    root,
    limits,
    concurrency: random.chance(0.3) ? random.int(1, 3) : undefined,
    graceMs: random.pick([20, 50, 100, 5000]),
    reader: makeReader(random),
    moves: makeMoves(random.fork()),
    interceptions: makeInterceptions(random.fork()),
    pace: makePace(random.fork()),
    again: random.chance(0.15),
  }
}

function makeReader(random: Random): Reader {
  const kind =
    random.weighted([
      ['run', 5],
      ['return', 1.5],
      ['stream', 4],
      ['iterate', 1],
      ['steps', 1],
    ] as const) ?? 'run'
  if (kind === 'run' || kind === 'steps' || kind === 'return') return { kind }
  const most = kind === 'stream' ? 60 : 2
  return { kind, leaves: random.chance(0.3) ? random.int(1, most) : undefined }
}

function makeMoves(random: Random): Move[] {
  const aims = [
    ['running', 5],
    ['queued', 3],
    ['settled', 2],
    ['root', 1],
    ['unknown', 1],
  ] as const
  const moves = Array.from(
    {
      length:
        random.weighted([
          [0, 3],
          [1, 3],
          [2, 3],
          [4, 2],
        ]) ?? 0,
    },
    (): Move => {
      const from = random.int(1, random.chance(0.5) ? 6 : 25)
      const kind = random.weighted([
        ['cancel', 6],
        ['send', 4],
        ['abort', 1],
        ['dispose', 1],
        ['actor-cancel', 1],
        ['run-again', 0.5],
        ['echo', 2],
      ] as const)
      if (kind === 'cancel' || kind === 'send') return { from, do: kind, aim: random.weighted(aims) ?? 'root' }
      return { from, do: kind ?? 'echo' }
    },
  )
  // Drawn last: the seeds in which a law once broke keep their moves.
  return random.chance(0.12) ? [...moves, { from: random.int(1, 12), do: 'cancel-map' }] : moves
}

function makeInterceptions(random: Random): Interception[] {
  if (random.chance(0.6)) return []
  const places = [
    ['beforeRun', 0.3],
    ['afterRun', 0.3],
    ['beforeStep', 2],
    ['afterStep', 4],
    ['beforeBranch', 2],
    ['afterBranch', 2],
  ] as const
  return Array.from({ length: random.int(1, 2) }, () => ({
    at: random.weighted(places) ?? 'afterStep',
    waits: random.chance(0.8),
    throws: random.chance(0.25) ? random.int(2, 8) : 0,
    onFault: random.chance(0.3) ? 'fail' : 'report',
  }))
}

function makePace(random: Random): Pace {
  return {
    pause: random.pick([1, 3, 6]),
    timer: random.pick([0, 1, 3]),
    read: random.pick([0.2, 1, 8]),
    move: random.pick([1, 3]),
    busy: random.chance(0.25),
  }
}

/** Makes trees: fewer branches with depth, and a limited number of leaves. */
class NestMaker {
  readonly #random: Random
  readonly #limits: number
  #left = 18
  #names = 0

  constructor(random: Random, limits: number) {
    this.#random = random
    this.#limits = limits
  }

  #name(letter: string): string {
    return `${letter}${this.#names++}`
  }

  steps(count: number, depth: number, siblings: readonly string[], maps = false): Nest[] {
    return Array.from({ length: count }, (_, i) => this.nest(depth, siblings, maps && i === 0))
  }

  nest(depth: number, siblings: readonly string[], map = false): Nest {
    const random = this.#random
    if (this.#left <= 0 || depth >= DEPTH) return this.leaf(siblings, depth)
    const kind = map
      ? 'map'
      : random.weighted([
          ['leaf', 3 + depth * 2],
          ['map', 4],
          ['graph', 1.5],
        ] as const)
    if (kind === 'map') return this.#map(depth)
    if (kind === 'graph') return this.#graph(depth, siblings)
    return this.leaf(siblings, depth)
  }

  leaf(siblings: readonly string[], depth: number): Leaf {
    const random = this.#random
    this.#left -= 1
    const mode =
      random.weighted([
        ['async', 5],
        ['stream', 4],
        ['sync', 1],
      ] as const) ?? 'async'
    const inner = depth < DEPTH && this.#left > 3 && mode !== 'sync' && random.chance(0.04)
    const acts = makeActs(random, mode, siblings, depth)
    if (inner) {
      const nest = this.nest(depth + 1, [], random.chance(0.7))
      acts.splice(random.int(0, acts.length), 0, { do: 'app', nest, careless: random.chance(0.3) })
    }
    return {
      kind: 'leaf',
      name: this.#name('l'),
      mode,
      acts,
      cleanup: mode === 'sync' ? [] : makeCleanup(random, siblings),
      mercy: makeMercy(random, 0.15),
    }
  }

  #graph(depth: number, siblings: readonly string[]): GraphNest {
    const random = this.#random
    const name = this.#name('g')
    const steps = this.steps(random.int(1, 3), depth, siblings)
    const rescue = random.chance(0.2) ? this.leaf(siblings, depth) : undefined
    return { kind: 'graph', name, steps, laps: random.chance(0.2) ? 2 : 1, rescue }
  }

  #map(depth: number): MapNest {
    const random = this.#random
    const name = this.#name('m')
    const source = random.pick(['array', 'record', 'generator', 'async generator'] as const)
    const form =
      random.weighted([
        ['actions', 4],
        ['states', 2],
        ['tasks', 2],
      ] as const) ?? 'actions'
    const count =
      random.weighted([
        [0, 0.3],
        [1, 1],
        [2, 3],
        [3, 3],
        [5 - depth, 1],
      ]) ?? 2
    const keys = Array.from({ length: count }, (_, i) => (source === 'record' ? 'abcdef'.charAt(i) : String(i)))
    const pulled = source === 'generator' || source === 'async generator'
    const faulty = pulled && count > 0 && random.chance(0.06)
    return {
      kind: 'map',
      name,
      form,
      source,
      children: this.#children(keys, depth, form),
      before: pulled && random.chance(0.6) ? makeSourceActs(random, source) : [],
      closing: pulled && random.chance(0.3) ? makeSourceActs(random, source, true) : [],
      fault: faulty ? random.pick(['duplicate', 'throws'] as const) : 'none',
      policy: this.#policy(),
      window: random.chance(0.35) ? random.int(1, 3) : undefined,
      limit: this.#limits > 0 && random.chance(0.4) ? random.int(0, this.#limits - 1) : undefined,
      graceMs: random.chance(0.4) ? random.pick([0, 10, 30, 60]) : undefined,
      watch: random.chance(0.4) ? this.#watch(keys) : [],
      fold:
        random.weighted([
          ['all', 6],
          ['settled', 1],
          ['declared', 1],
        ] as const) ?? 'all',
      reduce: makeReduce(random),
    }
  }

  #children(keys: readonly string[], depth: number, form: MapNest['form']): Child[] {
    const random = this.#random
    if (form !== 'states')
      return keys.map((key) => ({ key, nest: this.nest(depth + 1, keys), mercy: makeMercy(random, 0.2) }))
    const nest = this.nest(depth + 1, keys)
    this.#left -= keys.length
    return keys.map((key) => ({ key, nest, mercy: makeMercy(random, 0.2) }))
  }

  #policy(): SettlePolicy {
    const random = this.#random
    const policy = random.weighted([
      ['all', 3],
      ['collect', 4],
      ['any', 2],
      ['first', 1],
      ['some', 1],
    ] as const)
    return policy === 'some' || policy === undefined ? { atLeast: random.int(1, 3) } : policy
  }

  #watch(keys: readonly string[]): WatchRule[] {
    const random = this.#random
    return Array.from({ length: random.int(1, 2) }, (): WatchRule => {
      const on = random.pick(['chunk', 'step.end', 'branch.settled', 'message'] as const)
      const then = random.weighted([
        ['cancel', 6],
        ['settle', 1],
        ['throw', 1],
      ] as const)
      const after = random.int(1, 3)
      if (then === 'cancel') return { on, after, then: { do: 'cancel', key: random.pick(keys) ?? 'none' } }
      return { on, after, then: { do: then ?? 'throw' } }
    })
  }
}
