import { STATUS_SIGNS } from '../../read/status.js'
import { countsOf, etaOf } from './map-counts.js'
import { fixed, type Piece, piece } from './paint.js'
import type { BranchView, MapView, RunView, StepView } from './run-view.js'

// Owns: the lines of a run: of the live block, and of its end.

const COLOUR = {
  running: 'cyan',
  done: 'green',
  failed: 'red',
  cancelled: 'yellow',
  halted: 'green',
  finished: 'green',
  waiting: 'yellow',
} as const

const MAPS = 3
const BRANCHES = 3
const QUESTIONS = 3
const BAR = 20

/** `850 ms`, `1.2 s`, `3 min 5 s`, `2 h 10 min`. */
export function timeText(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  const s = ms / 1000
  if (s < 10) return `${s.toFixed(1)} s`
  if (s < 60) return `${Math.round(s)} s`
  const minutes = Math.floor(s / 60)
  const hours = Math.floor(minutes / 60)
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`
  return hours === 0 ? `${minutes} min ${Math.floor(s % 60)} s` : `${hours} h ${minutes % 60} min`
}

/** Joins pieces with spaces, and leaves out empty ones. */
const spaced = (...pieces: readonly (Piece | undefined)[]): Piece[] =>
  pieces.flatMap((one) => (one === undefined || one.text === '' ? [] : [fixed(' '), one])).slice(1)

/** Whether all that is left of a run waits, and an answer would let it go on. */
function isWaiting({ status, questions, branches, maps }: RunView): boolean {
  if (status !== 'running' || questions.size === 0) return false
  // A branch that waits holds no place, so a queued one is about to start.
  for (const map of maps.values()) if (countsOf(map).queued > 0) return false
  for (const [appId, { waits }] of branches) if (waits.size === 0 && !maps.has(appId)) return false
  return true
}

export function headOf(run: RunView, name: string, now: number): Piece[] {
  const { stepCount, leaked, endedAt, error } = run
  const status = isWaiting(run) ? 'waiting' : run.status
  return spaced(
    fixed(STATUS_SIGNS[status], COLOUR[status]),
    piece(name, 'bold'),
    fixed(status, COLOUR[status]),
    fixed(timeText((endedAt ?? now) - run.startedAt)),
    fixed(`${stepCount} ${stepCount === 1 ? 'step' : 'steps'}`, 'dim'),
    leaked > 0 ? fixed(`${leaked} abandoned`, 'yellow') : undefined,
    error === undefined ? undefined : piece(error, 'red'),
  )
}

export function stepLine({ action, status, durationMs, attempt, since, progress }: StepView, now: number): Piece[] {
  return spaced(
    fixed(STATUS_SIGNS[status], COLOUR[status]),
    piece(action),
    fixed(timeText(status === 'running' ? now - since : durationMs), 'dim'),
    attempt > 1 ? fixed(`attempt ${attempt}`, 'yellow') : undefined,
    piece(progress, 'cyan'),
  )
}

/** The bar of a map: `read ████░░ 40/60 ✓37 ✕2 ⊘1 ▶8 ⏸2 ↻1 ○12 eta 7 s`. */
export function mapLine(map: MapView, now: number, bar = BAR): Piece[] {
  const counts = countsOf(map)
  const { total, name, path, depth, done, failed, cancelled } = map
  const settled = done + failed + cancelled
  const full = total === undefined || total === 0 ? 0 : Math.round((settled / total) * bar)
  const drawn = bar > 0 && total !== undefined
  const eta = etaOf(map, now)
  const count = (status: keyof typeof counts, colour: Piece['colour']): Piece | undefined =>
    counts[status] > 0 ? fixed(`${STATUS_SIGNS[status]}${counts[status]}`, colour) : undefined
  return spaced(
    piece(depth === 0 ? name : path),
    drawn ? fixed(`${'█'.repeat(full)}${'░'.repeat(bar - full)}`, 'cyan') : undefined,
    fixed(`${settled}/${total ?? `${map.seen}+`}`),
    count('done', 'green'),
    count('failed', 'red'),
    count('cancelled', 'yellow'),
    count('running', 'cyan'),
    count('waiting', 'yellow'),
    count('retrying', 'yellow'),
    count('queued', 'dim'),
    eta === undefined ? undefined : fixed(`eta ${timeText(eta)}`, 'dim'),
  )
}

function branchLine({ path, action, since, progress, waits, isRetrying }: BranchView, now: number): Piece[] {
  const status = waits.size > 0 ? 'waiting' : isRetrying ? 'retrying' : 'running'
  return spaced(
    fixed(`  ${STATUS_SIGNS[status]}`, status === 'running' ? 'cyan' : 'yellow'),
    piece(path),
    piece(action, 'dim'),
    fixed(timeText(now - since), 'dim'),
    piece(progress, 'cyan'),
  )
}

/** The lines of a run in the live block. @param rows how many there may be */
export function blockOf(run: RunView, name: string, now: number, rows: number): Piece[][] {
  const lines: Piece[][] = [headOf(run, name, now)]
  for (const step of run.finished) lines.push(stepLine(step, now))
  if (run.step !== undefined) lines.push(stepLine(run.step, now))
  const maps = [...run.maps.values()].sort((a, b) => a.depth - b.depth)
  for (const map of maps.slice(0, MAPS)) lines.push([fixed('  '), ...mapLine(map, now)])
  if (maps.length > MAPS) lines.push([fixed(`  … and ${maps.length - MAPS} maps below`, 'dim')])
  let shown = 0
  for (const branch of run.branches.values()) {
    if (shown === BRANCHES) break
    shown += 1
    lines.push(branchLine(branch, now))
  }
  if (run.branches.size > shown) lines.push([fixed(`  … and ${run.branches.size - shown} more`, 'dim')])
  const all = [...lines, ...failureLines(run), ...questionLines(run)]
  return all.length > rows ? [...all.slice(0, Math.max(1, rows - 1)), [fixed('…', 'dim')]] : all
}

/** The last failures, and how many came before them. */
export function failureLines({ failures, failureCount }: RunView): Piece[][] {
  const lines = failures.map(({ path, action, text }) =>
    spaced(fixed('✕', 'red'), piece(path), piece(`(${action})`, 'dim'), piece(text, 'red')),
  )
  const more = failureCount - failures.length
  return more > 0 ? [...lines, [fixed(`  … and ${more} ${more === 1 ? 'failure' : 'failures'} before`, 'dim')]] : lines
}

function questionLines({ questions }: RunView): Piece[][] {
  const all = [...questions.values()]
  const lines = all
    .slice(0, QUESTIONS)
    .map(({ path, action, kinds, ask }) =>
      spaced(
        fixed('?', 'yellow'),
        piece(path === '' ? action : path),
        piece(`waits for ${kinds.join(', ')}`),
        piece(ask, 'dim'),
      ),
    )
  return all.length > QUESTIONS ? [...lines, [fixed(`  … and ${all.length - QUESTIONS} questions`, 'dim')]] : lines
}
