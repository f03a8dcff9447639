import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { ROOT } from '../tools/vitest-report.js'
import type { Draw } from './draw.js'
import { END } from './ends.js'
import type { Fleet } from './fleet.js'

/** The output of a life that ended by itself. */
export interface Lived {
  readonly state: unknown
  readonly borders: number
}

/** The end of one life of the worker. */
export interface Life {
  readonly code: number | null
  readonly killed: boolean
  readonly signal: NodeJS.Signals | undefined
  /** It was stopped, and another one ran meanwhile. */
  readonly stopped: boolean
  /** The process that was stopped. */
  readonly zombie: number | undefined
  readonly lived: Lived | undefined
  readonly error: string
}

/**
 * The end of a life: a boundary of persistence, a moment after its start, or none. After a SIGSTOP a second process
 * runs the application as far as possible, or for some seconds; then the first continues.
 */
export type Plan =
  | { readonly at: number; readonly when: 'before' | 'after' }
  | { readonly afterMs: number; readonly signal: NodeJS.Signals }
  | undefined

interface Setting {
  readonly worker: string
  readonly file: string
  readonly own: string
  readonly log: string
  readonly draw: Draw
  readonly random: () => number
  /** Workers and server of jobs. */
  readonly fleet: Fleet | undefined
  /** The folder of the log of the run; undefined: none is written. */
  readonly track: string | undefined
}

const LONGEST_MS = 60_000
/** Longer than SQLite waits for a lock, so that the second process finds the store unavailable. */
const LONGEST_STOP_MS = 8_000
/** Time for a hanging process to print its status. */
const REPORT_MS = 2_000

/** The folder for temporary files of the lives of a log. */
export const temporaryOf = (log: string): string => `${log}.tmp`

/** Makes lives of one application. */
export function livesIn({
  worker,
  file,
  own,
  log,
  draw,
  random,
  fleet,
  track,
}: Setting): (plan: Plan) => Promise<Life> {
  const live = (plan: Plan): Promise<Life> => {
    const env = {
      ...process.env,
      CHAOS_FILE: file,
      CHAOS_OWN: own,
      CHAOS_LOG: log,
      CHAOS_DEATHS: `${log}.deaths`,
      TMPDIR: temporaryOf(log),
      ...(fleet && { CHAOS_QUEUE: fleet.place }),
      ...(track !== undefined && { CHAOS_TRACK: track }),
      CHAOS_DRAW: JSON.stringify(draw),
      CHAOS_SEED: String(Math.floor(random() * 1e9)),
      ...(plan !== undefined && 'at' in plan ? { CHAOS_KILL_AT: String(plan.at), CHAOS_KILL_WHEN: plan.when } : {}),
    }
    return new Promise((resolve) => {
      const report = `${log}.report.json`
      const to = [`--report-directory=${dirname(report)}`, `--report-filename=${basename(report)}`]
      const reporting = ['--report-on-signal', '--report-signal=SIGQUIT', ...to]
      const child = spawn(process.execPath, [...reporting, worker], { cwd: ROOT, env })
      let [out, error, sent, stopped] = ['', '', false, false]
      let second: Promise<Life> | undefined
      const send = (signal: NodeJS.Signals): void => {
        sent = child.kill(signal)
        if (signal !== 'SIGSTOP' || !sent || child.exitCode !== null) return
        stopped = true
        second = live(undefined)
        // When the first was stopped while it held the lock of a file, the second may wait for it without end.
        const wake = setTimeout(() => child.kill('SIGCONT'), LONGEST_STOP_MS)
        void second.then(() => {
          clearTimeout(wake)
          child.kill('SIGCONT')
        })
      }
      child.stdout.on('data', (data: Buffer) => {
        const before = out
        out += data.toString()
        if (before === '') fleet?.disturb()
        if (before === '' && plan !== undefined && 'afterMs' in plan)
          setTimeout(() => child.exitCode === null && send(plan.signal), plan.afterMs)
      })
      child.stderr.on('data', (data: Buffer) => {
        error += data.toString()
      })
      const hung = setTimeout(() => {
        error += `It hung${stopped ? ', after it was stopped' : ''}.\n`
        error += threadsOf(child.pid)
        child.kill('SIGQUIT')
        child.kill('SIGUSR2')
        setTimeout(() => {
          error += handlesIn(report)
          child.kill('SIGABRT')
        }, REPORT_MS)
      }, LONGEST_MS)
      child.on('close', (code, by) => {
        clearTimeout(hung)
        const line = out.split('\n')[1]
        const own: Life = {
          code,
          killed: by === 'SIGKILL',
          signal: by ?? undefined,
          stopped,
          zombie: stopped ? child.pid : undefined,
          lived: line ? (JSON.parse(line) as Lived) : undefined,
          error,
        }
        if (second === undefined) return resolve(own)
        // The end of the second is the state of the application; the first may only have found that it was replaced.
        void second.then((after) => {
          // The first may also find rows of the second without a claim of its own: that fences it as well.
          const fine = [own, after].find(({ code, signal }) => code === END.failed || signal === 'SIGABRT') ?? after
          const error =
            fine === own ? `${own.error}The second runner ended with ${after.code}:\n${after.error}` : after.error
          resolve({ ...fine, error, stopped, zombie: child.pid })
        })
      })
    })
  }
  return live
}

/** The active handles in the diagnostic report of an idle process; a blocked process writes no report. */
function handlesIn(file: string): string {
  if (!existsSync(file)) return 'Its thread is blocked.\n'
  return readAgainstEnd(() => {
    const { libuv } = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly libuv: readonly { readonly type: string; readonly is_active?: boolean }[]
    }
    return libuv.filter((handle) => handle.is_active).map((handle) => JSON.stringify(handle))
  })
}

/** The threads of a process on Linux: kernel function, state, CPU time in ticks. */
function threadsOf(pid: number | undefined): string {
  const tasks = `/proc/${pid}/task`
  if (!existsSync(tasks)) return ''
  return readAgainstEnd(() =>
    readdirSync(tasks).map((task) => {
      const stat = readFileSync(`${tasks}/${task}/stat`, 'utf8').split(' ')
      const place = readFileSync(`${tasks}/${task}/wchan`, 'utf8')
      return `thread ${task}: ${place}, ${stat[2]}, ${stat[13]} + ${stat[14]} ticks`
    }),
  )
}

/** Reads files of a process that may end meanwhile: they may be gone, or half written. */
function readAgainstEnd(read: () => readonly string[]): string {
  try {
    return `${read().join('\n')}\n`
  } catch (error) {
    return `${String(error)}\n`
  }
}
