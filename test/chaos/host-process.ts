import { type ChildProcess, spawn } from 'node:child_process'
import { ROOT } from '../tools/vitest-report.js'
import type { Kind } from './host-work.js'
import type { HostSettings } from './host-worker.js'

const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** The end of the process of a host. */
export interface HostEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The process of one host. */
export class HostProcess {
  readonly #child: ChildProcess
  readonly ended: Promise<HostEnd>
  /** What it has printed, but for `ready` and `started`. */
  readonly said: string[] = []
  readonly errors: string[] = []
  isReady = false
  isStopped = false
  isEnding = false
  /** Runs that it was asked to start, and has not confirmed. */
  readonly asked = new Map<string, Kind>()
  #rest = ''

  readonly #refused: (kind: Kind, id: string) => void

  /** @param refused called for a run that it could not store */
  constructor(worker: string, log: string, settings: HostSettings, refused: (kind: Kind, id: string) => void) {
    this.#refused = refused
    const env = { ...process.env, CHAOS_HOST: JSON.stringify(settings), CHAOS_LOG: log }
    const child = spawn(process.execPath, [worker], { cwd: ROOT, env, stdio: 'pipe' })
    this.#child = child
    alive.add(child)
    child.stdout.on('data', (data: Buffer) => this.#hear(data.toString()))
    child.stderr.on('data', (data: Buffer) => void this.errors.push(data.toString()))
    child.stdin.on('error', () => {}) // it has died meanwhile
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        alive.delete(child)
        this.isEnding = true
        resolve({ code, signal })
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Whether it is ready for orders and signals. */
  get isUp(): boolean {
    return this.isReady && !this.isEnding && !this.isStopped
  }

  #hear(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const [first, id = ''] = line.split(' ')
      if (first === 'ready') this.isReady = true
      else if (first === 'started') this.asked.delete(id)
      else if (first === 'unstored') this.#refuse(id)
      else this.said.push(line)
    }
  }

  #refuse(id: string): void {
    const kind = this.asked.get(id)
    this.asked.delete(id)
    if (kind !== undefined) this.#refused(kind, id)
  }

  start(kind: Kind, id: string): void {
    this.asked.set(id, kind)
    this.#child.stdin?.write(`start ${kind} ${id}\n`)
  }

  jump(ms: number): void {
    this.#child.stdin?.write(`jump ${ms}\n`)
  }

  kill(signal: 'SIGKILL' | 'SIGTERM'): void {
    this.isEnding = true
    this.#child.kill(signal)
  }

  /** Stops it for a while. */
  stop(ms: number): void {
    this.isStopped = true
    this.#child.kill('SIGSTOP')
    setTimeout(() => {
      this.#child.kill('SIGCONT')
      this.isStopped = false
    }, ms)
  }
}
