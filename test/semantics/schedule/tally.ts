import type { Report } from './schedule.js'

/** Events that must happen often enough for their laws to be tested. */
export const SCENES = [
  'cancel during save',
  'cancel while waiting for room',
  'cancel of a queued branch',
  'cancel of a map',
  'failure during clean-up',
  'late value',
  'late error',
  'duplicate settle',
  'message to a settled branch',
  'nested cancel from below',
] as const

/** Counts events over many schedules. */
export class Tally {
  readonly #notes = new Map<string, number>()
  readonly #broken: string[] = []
  #schedules = 0
  #turns = 0
  #events = 0

  add({ plan, entries, violations, notes }: Report): void {
    this.#schedules += 1
    this.#turns += entries.at(-1)?.turn ?? 0
    for (const { kind } of entries) if (kind === 'event') this.#events += 1
    for (const [what, times] of notes) this.#notes.set(what, this.count(what) + times)
    const [first] = violations
    if (first === undefined) return
    this.#broken.push(`npm run explore -- --seed ${plan.seed}  (${first.law}: ${first.what})`)
  }

  count(what: string): number {
    return this.#notes.get(what) ?? 0
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#notes)
  }

  /** Commands that replay the breaches of a law. */
  broken(): readonly string[] {
    return this.#broken
  }

  text(): string {
    const scenes = [...this.#notes].sort(([, a], [, b]) => b - a)
    const wide = String(scenes[0]?.[1] ?? 0).length
    return [
      `${this.#schedules} schedules, ${this.#turns} turns, ${this.#events} events, ${this.#broken.length} broken`,
      ...scenes.map(([what, times]) => `  ${String(times).padStart(wide)} × ${what}`),
    ].join('\n')
  }
}
