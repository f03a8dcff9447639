import { type Line, readLines, readStores } from './store.js'

// The promise of each policy, counted: recorded work is never repeated. Under a policy that records less, a step may
// run again, but no step up to the last recorded one, no step of a settled branch, and no recorded side effect.
// A stopped process, replaced by another, may finish its current act; it records nothing of it.

interface Counted {
  kills: number
  doubles: number
  lost: number
  repeated: number
  wrong: number
  duplicates: number
}

/** One watched run of the application. */
export interface Trial {
  /** A life has ended. @param zombie the process that was stopped meanwhile */
  look(zombie: number | undefined): Promise<void>
}

export class Judge {
  readonly counted: Counted = { kills: 0, doubles: 0, lost: 0, repeated: 0, wrong: 0, duplicates: 0 }
  #expected = ''

  /** The end of an undisturbed run. */
  expect(state: unknown): void {
    this.#expected = JSON.stringify(sorted(state))
    Object.assign(this.counted, { kills: 0, doubles: 0, lost: 0, repeated: 0, wrong: 0, duplicates: 0 })
  }

  /** True once a result was lost, wrong, or done twice. */
  get found(): boolean {
    const { lost, repeated, wrong, duplicates } = this.counted
    return lost + repeated + wrong + duplicates > 0
  }

  async begin(places: readonly string[], log: string): Promise<Trial> {
    let held = await readStores(places)
    let seen = 0
    /** Recorded side effects, as steps ask for them. */
    const recorded = new Set<string>()
    const lines: Line[] = []
    return {
      look: async (zombie) => {
        const fresh = readLines(log, seen)
        seen += fresh.length
        for (const { appId, seq, effect, pid } of fresh) {
          if (pid === zombie) continue
          const again = seq <= (held.steps.get(appId) ?? -1) || held.over.has(appId)
          if (effect === undefined && again) this.counted.repeated += 1
          if (effect !== undefined && recorded.has(effect)) this.counted.duplicates += 1
        }
        lines.push(...fresh)
        held = await readStores(places)
        for (const { effect, token } of lines) if (effect !== undefined && held.effects.has(token)) recorded.add(effect)
      },
    }
  }

  /** Compares the end of a run with that of an undisturbed one. */
  end(lived: { readonly state: unknown } | undefined): void {
    if (lived === undefined) this.counted.lost += 1
    else if (JSON.stringify(sorted(lived.state)) !== this.#expected) this.counted.wrong += 1
  }

  tally(): string {
    const { kills, doubles, lost, repeated, wrong, duplicates } = this.counted
    return `kills ${kills}, second runners ${doubles}, runs lost ${lost}, recorded steps repeated ${repeated}, wrong final states ${wrong}, duplicate side effects ${duplicates}`
  }
}

const sorted = (state: unknown): unknown =>
  Object.fromEntries(Object.entries(state as object).sort(([a], [b]) => (a < b ? -1 : 1)))
