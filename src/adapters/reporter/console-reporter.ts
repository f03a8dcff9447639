import { type Clock, systemClock } from '../../internal/clock.js'
import { tryGet } from '../../internal/guards.js'
import { checkOptions } from '../../internal/options.js'
import type { AnyEvent } from '../../lifecycle/events.js'
import type { Tracker } from '../../tracking/tracker.js'
import { blockOf, failureLines, headOf, mapLine, stepLine } from './layout.js'
import { LiveBlock } from './live-block.js'
import { fixed, lineOf, type Piece, piece } from './paint.js'
import { plainLine } from './plain-lines.js'
import { type ReporterStream, writeTo } from './reporter-stream.js'
import { type RunView, RunViews } from './run-view.js'

// Owns: when the view of runs is drawn, and where.
// Does not own: what it shows (run-view.ts, layout.ts), its place in the terminal (live-block.ts).
// C1  At most twelve frames a second, however many events come. An event costs no drawing.
// C2  Its timer and its hold on the streams end with the last open run, or by `close`. The timer keeps no process alive.
// C3  A stream whose reader has left fails no program.

/** Options of {@link consoleReporter}. */
export interface ReporterOptions {
  /** Name of the runs in the head line. Default: `run`. */
  readonly name?: string
  /** Default: `process.stderr`, so that the output of the program itself can be piped. */
  readonly stream?: ReporterStream
  /** One line for each change, as outside of a terminal. Default: where `stream` is no terminal, or `CI` is set. */
  readonly plain?: boolean
  /** Default: as `NO_COLOR` and `FORCE_COLOR` say, otherwise in a terminal. */
  readonly color?: boolean
  /** The last line of the view while runs are open: the keys of the program, such as `Ctrl+C cancels`. Default: none. */
  readonly keys?: string
  /** Times the frames. Default: the clock of the platform. */
  readonly clock?: Clock
}

/** A tracker that draws. */
export interface ConsoleReporter extends Tracker, Disposable {
  /** Ends the view: draws it a last time, and gives the streams back. Later runs are not shown. */
  close(): void
}

const FRAME_MS = 84
/** Without an event the view is drawn this often: times go on. */
const IDLE_MS = 1000
/** How often a log has a line of each open map. */
const MAP_LINE_MS = 1000

type Env = Readonly<Record<string, string | undefined>>

function colours({ color, stream }: ReporterOptions, env: Env): boolean {
  if (color !== undefined) return color
  if (env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '') return env['FORCE_COLOR'] !== '0'
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false
  return stream?.isTTY === true && env['TERM'] !== 'dumb'
}

/**
 * Shows runs in the terminal while they run: finished steps, a bar for each map with its branches by status and the time
 * that is left, running branches with their progress, the last failures, open questions. Give it as `tracker` of an
 * application.
 *
 * In a terminal it redraws its own lines, at most twelve times a second; what the program prints goes above them.
 * Elsewhere, under `CI` or with `plain`, it prints one line for each change, and each second one for each map. It ends
 * with the last run, and begins again with the next one.
 *
 * @throws {TypeError} for unknown options
 *
 * @example
 * ```ts
 * import { consoleReporter } from 'teasel/reporter'
 *
 * const kit = defineState<{ n: number }>()
 * const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const tracker = consoleReporter({ name: 'counter', stream: { write: (text) => console.log(text.trimEnd()) } })
 * const app = createApplication(kit.graph({ actions: { add } }), { entrypoint: 'add', state: { n: 0 }, tracker })
 * await app.run() // counter finished
 * ```
 */
export function consoleReporter(options: ReporterOptions = {}): ConsoleReporter {
  checkOptions('consoleReporter', options, 'name stream plain color keys clock')
  return new Reporter(options)
}

class Reporter implements ConsoleReporter {
  readonly name = 'console'
  readonly #runName: string
  readonly #stream: ReporterStream
  readonly #block: LiveBlock | undefined
  readonly #coloured: boolean
  readonly #clock: Clock
  readonly #keys: string | undefined
  readonly #views = new RunViews()
  #timer: unknown
  #dueAt = 0
  #lastAt = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(options: ReporterOptions) {
    const env: Env = tryGet(() => process.env) ?? {}
    const { name = 'run', stream = process.stderr, clock = systemClock } = options
    const plain = options.plain ?? (stream.isTTY !== true || (env['CI'] ?? '') !== '' || env['TERM'] === 'dumb')
    this.#runName = name
    this.#stream = stream
    this.#clock = clock
    this.#keys = options.keys
    this.#coloured = colours({ ...options, stream }, env)
    const others = [process.stdout, process.stderr].filter((one) => one.isTTY)
    this.#block = plain
      ? undefined
      : new LiveBlock(stream, stream === process.stdout || stream === process.stderr ? others : [])
  }

  track(event: AnyEvent): void {
    if (this.#closed) return
    const run = this.#views.take(event)
    if (run === undefined) return
    if (this.#block === undefined && this.#timer === undefined) this.#lastAt = this.#clock.now()
    if (this.#block === undefined) this.#log(event, run)
    else if (event.type === 'run.end' && event.path.length === 0) this.#leave(run)
    if (this.#views.open.size === 0) return this.#finish()
    this.#schedule(this.#block === undefined ? MAP_LINE_MS : FRAME_MS)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const run of this.#views.open.values()) this.#leave(run)
    this.#views.open.clear()
    this.#finish()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #schedule(pace: number): void {
    const now = this.#clock.now()
    const at = Math.max(now, this.#lastAt + pace)
    if (this.#timer !== undefined) {
      if (at >= this.#dueAt) return
      this.#stopTimer()
    }
    this.#dueAt = at
    this.#timer = this.#clock.setTimeout(() => this.#frame(), at - now)
    Reflect.get(Object(this.#timer), 'unref')?.call(this.#timer) // C2
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #frame(): void {
    this.#timer = undefined
    this.#lastAt = this.#clock.now()
    tryGet(() => this.#draw()) // a stream that fails ends no program
    if (this.#views.open.size > 0) this.#schedule(this.#block === undefined ? MAP_LINE_MS : IDLE_MS)
  }

  #draw(): void {
    const now = this.#clock.now()
    const open = [...this.#views.open.values()]
    if (this.#block === undefined) {
      for (const run of open)
        for (const map of run.maps.values()) if (map.depth === 0) this.#print([fixed('  '), ...mapLine(map, now, 0)])
      return
    }
    this.#block.hold()
    const keys = this.#keys === undefined ? [] : [[piece(this.#keys, 'dim')]]
    const rows = Math.max(3, Math.floor(((this.#stream.rows ?? 24) - 1 - keys.length) / Math.max(1, open.length)))
    const lines = [...open.flatMap((run) => blockOf(run, this.#runName, now, rows)), ...(open.length > 0 ? keys : [])]
    this.#block.draw(lines.map((one) => this.#line(one)))
  }

  /** The last run has ended. */
  #finish(): void {
    this.#stopTimer()
    this.#lastAt = Number.NEGATIVE_INFINITY
    this.#block?.release()
  }

  /** A run has ended: its last lines stay. */
  #leave(run: RunView): void {
    const now = this.#clock.now()
    const lines = [
      ...run.finished.map((step) => stepLine(step, now)),
      ...failureLines(run),
      headOf(run, this.#runName, now),
    ]
    this.#block?.leave(lines.map((one) => this.#line(one)))
  }

  #line(pieces: readonly Piece[]): string {
    const width = this.#block === undefined ? Number.POSITIVE_INFINITY : (this.#stream.columns ?? 80) - 1
    return lineOf(pieces, width, this.#coloured)
  }

  #log(event: AnyEvent, run: RunView): void {
    const line = plainLine(event, run, this.#runName)
    if (line !== undefined) this.#print(line)
  }

  #print(pieces: readonly Piece[]): void {
    writeTo(this.#stream, this.#stream.write.bind(this.#stream), `${this.#line(pieces)}\n`)
  }
}
