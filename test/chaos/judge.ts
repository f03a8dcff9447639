import { type Held, type Line, readLines, readStores } from './store.js'

// The promise of each policy, counted: recorded work is never repeated. Under a policy that records less, a step may
// run again, but no step up to the last recorded one, no step of a settled branch, and no recorded side effect.
// A stopped process, replaced by another, may finish its current act; it records nothing of it.

interface Counted {
  kills: number
  /** Those of them that ended a worker of an executor. */
  workers: number
  /** Those of them that ended the server of jobs. */
  servers: number
  /** Processes and files that were left after their life. */
  left: number
  /** What the logs of runs tell, and the stores do not hold; or the other way round. */
  logs: number
  doubles: number
  lost: number
  repeated: number
  wrong: number
  duplicates: number
}

/** One watched run of the application. */
export interface Trial {
  /** Reads what is recorded now: rows of a branch are removed when its map has settled. */
  peek(): Promise<void>
  /** A life has ended. @param excuses tells the lines of processes that were stopped meanwhile */
  look(excuses: (line: Line) => boolean): Promise<Held>
}

const NOTHING: Counted = {
  ...{ kills: 0, workers: 0, servers: 0, doubles: 0 },
  ...{ lost: 0, repeated: 0, wrong: 0, duplicates: 0, left: 0, logs: 0 },
}

/** When steps and side effects were recorded. */
interface Times {
  readonly stepsAt: Map<string, number>
  readonly effectsAt: Map<string, number>
}

/** How exactly the time of a row and that of a line agree. */
const EXACT_MS = 1

export class Judge {
  readonly counted: Counted = { ...NOTHING }
  #expected = ''

  /** The end of an undisturbed run. */
  expect(state: unknown): void {
    this.#expected = JSON.stringify(sorted(state))
    Object.assign(this.counted, NOTHING)
  }

  /** True once a result was lost, wrong, or done twice. */
  get found(): boolean {
    const { lost, repeated, wrong, duplicates, left, logs } = this.counted
    return lost + repeated + wrong + duplicates + left + logs > 0
  }

  /** @param timed whether the times of lines and rows agree */
  async begin(places: readonly string[], log: string, timed: boolean): Promise<Trial> {
    let held = await readStores(places)
    let seen = 0
    /** Recorded side effects, as steps ask for them. */
    const recorded = new Set<string>()
    const lines: Line[] = []
    const times: Times = { stepsAt: new Map(held.stepsAt), effectsAt: new Map(held.effectsAt) }
    const peek = async (): Promise<void> => {
      const { stepsAt, effectsAt } = await readStores(places)
      for (const [step, at] of stepsAt) if (!times.stepsAt.has(step)) times.stepsAt.set(step, at)
      for (const [token, at] of effectsAt) times.effectsAt.set(token, at)
    }
    return {
      peek,
      look: async (excuses) => {
        const fresh = readLines(log, seen)
        seen += fresh.length
        for (const line of fresh) {
          const { appId, seq, effect } = line
          if (excuses(line)) continue
          const again = seq <= (held.steps.get(appId) ?? -1) || held.over.has(appId)
          if (effect === undefined && again) this.counted.repeated += 1
          if (effect !== undefined && recorded.has(effect)) this.counted.duplicates += 1
        }
        lines.push(...fresh)
        held = await readStores(places)
        await peek()
        if (timed) this.#within(fresh, times, excuses)
        for (const { effect, token } of lines) if (effect !== undefined && held.effects.has(token)) recorded.add(effect)
        return held
      },
    }
  }

  /** A worker that died is followed by another one in the same life: what was recorded before is not repeated either. */
  #within(fresh: readonly Line[], { stepsAt, effectsAt }: Times, excuses: (line: Line) => boolean): void {
    const recordedAt = new Map<string, number>()
    for (const { effect, token } of fresh) {
      const at = effectsAt.get(token)
      if (effect !== undefined && at !== undefined) recordedAt.set(effect, Math.min(at, recordedAt.get(effect) ?? at))
    }
    for (const line of fresh) {
      const { appId, seq, effect, at } = line
      if (excuses(line)) continue
      const recorded = effect === undefined ? stepsAt.get(`${appId} ${seq}`) : recordedAt.get(effect)
      if (recorded === undefined || at <= recorded + EXACT_MS) continue
      console.error(`${effect ?? `${appId} ${seq}`} was begun ${at - recorded} ms after it was recorded`)
      this.counted[effect === undefined ? 'repeated' : 'duplicates'] += 1
    }
  }

  /** Compares the end of a run with that of an undisturbed one. */
  end(lived: { readonly state: unknown } | undefined): void {
    if (lived === undefined) this.counted.lost += 1
    else if (JSON.stringify(sorted(lived.state)) !== this.#expected) this.counted.wrong += 1
  }

  /** @param tracked whether logs were written */
  tally(tracked = false): string {
    const { kills, workers, servers, doubles, lost, repeated, wrong, duplicates, left, logs } = this.counted
    const read = tracked ? `, wrong in the log ${logs}` : ''
    return `kills ${kills} (${workers} of workers, ${servers} of the server), second runners ${doubles}, runs lost ${lost}, recorded steps repeated ${repeated}, wrong final states ${wrong}, duplicate side effects ${duplicates}, left over ${left}${read}`
  }
}

const sorted = (state: unknown): unknown =>
  Object.fromEntries(Object.entries(state as object).sort(([a], [b]) => (a < b ? -1 : 1)))
