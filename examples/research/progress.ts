import { type AppEvent, printPath } from 'teasel'
import { liveLines, type Screen } from '../live-lines.js'
import type { researchGraph } from './graph.js'

type Actions = ReturnType<typeof researchGraph>['actions']
type Event = AppEvent<object, Actions>

interface Row {
  readonly name: string
  status: 'running' | 'done' | 'failed' | 'cancelled'
  ms: number
  readonly branches: Map<string, 'running' | 'done' | 'failed' | 'cancelled'>
}

const SIGN = { running: '…', done: '✓', failed: '✗', cancelled: '–' } as const
const COLOUR = { running: '33', done: '32', failed: '31', cancelled: '90' } as const

/**
 * Shows what runs while it runs. In a terminal a few lines that are drawn again and again; elsewhere a line for each
 * branch and step that ended.
 */
export class Progress {
  readonly #screen: Screen
  readonly #live: boolean
  readonly #colour: boolean
  readonly #rows = new Map<string, Row>()
  readonly #redraw: (lines: readonly string[]) => void

  constructor(screen: Screen, noColour: boolean) {
    this.#screen = screen
    this.#live = screen.isTTY === true
    this.#colour = this.#live && !noColour
    this.#redraw = liveLines(screen)
  }

  /** A listener for all events of the application. */
  show(event: Event): void {
    if (event.type === 'step.start' && event.path.length === 0) {
      this.#rows.set(event.action, { name: event.action, status: 'running', ms: 0, branches: new Map() })
    } else if (event.type === 'step.end' && event.path.length === 0) {
      const row = this.#rows.get(event.action)
      if (row !== undefined) Object.assign(row, { status: event.status, ms: event.durationMs })
      this.#line(event.status, `${event.action}`, event.durationMs, '')
    } else if (event.type === 'branch.start') {
      this.#rows.get(event.action)?.branches.set(event.key, 'running')
    } else if (event.type === 'branch.settled') {
      this.#rows.get(event.action)?.branches.set(event.key, event.status)
      const why = event.result.status === 'failed' ? `: ${event.result.error.message}` : ''
      this.#line(event.status, `  ${printPath(event.path)}`, event.durationMs, why)
    } else return
    if (this.#live) this.#draw()
  }

  #line(status: Row['status'], name: string, ms: number, why: string): void {
    if (!this.#live) this.#screen.write(`${SIGN[status]} ${status} ${name} (${ms} ms)${why}\n`)
  }

  #draw(): void {
    const width = (this.#screen.columns || 80) + 9
    this.#redraw([...this.#rows.values()].map((row) => this.#row(row).slice(0, width)))
  }

  #row({ name, status, ms, branches }: Row): string {
    const count = (wanted: Row['status']): number => [...branches.values()].filter((one) => one === wanted).length
    const parts = (['running', 'done', 'failed', 'cancelled'] as const).flatMap((one) =>
      count(one) > 0 ? [`${count(one)} ${one}`] : [],
    )
    const sign = this.#colour ? `\x1b[${COLOUR[status]}m${SIGN[status]}\x1b[0m` : SIGN[status]
    return `${sign} ${name.padEnd(7)} ${status === 'running' ? '' : `${ms} ms`.padEnd(8)} ${parts.join(', ')}`.trimEnd()
  }
}
