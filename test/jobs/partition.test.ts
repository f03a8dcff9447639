import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { findNetns, layNetwork, type Network } from '../support/netns.js'
import { redisKeys } from '../support/redis.js'
import { bundleWorker } from '../tools/bundle-worker.js'
import { QUEUE } from './partition-queue.js'
import { BRANCHES, EXPECTED, ROUNDS } from './partition-work.js'

// Four hosts: a server, an owner, two workers. The link of each is cut in turn, for longer than the locks of jobs.

const HOSTS = ['server', 'owner', 'one', 'two'] as const
/** How long a cut lasts, milliseconds. */
const CUT_MS = 2_500

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A process on a host, and the lines that it prints. */
class Program {
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  #errors = ''
  readonly ended: Promise<number | null>

  constructor(network: Network, host: string, command: readonly string[], env: Readonly<Record<string, string>>) {
    const [file, ...args] = [...network.command(host), ...command] as [string, ...string[]]
    this.#child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    const { stdout, stderr } = this.#child
    if (stdout !== null) createInterface(stdout).on('line', (line) => this.#lines.push(line))
    stderr?.on('data', (data: Buffer) => {
      this.#errors += data.toString()
    })
    this.ended = once(this.#child, 'close').then(([code]) => code as number | null)
    cleanups.push(async () => {
      this.#child.kill('SIGKILL')
      await this.ended
    })
  }

  get said(): readonly string[] {
    return this.#lines
  }

  /** Resolves when it has printed as many lines with a text. */
  async says(text: string, times = 1): Promise<void> {
    await until(() => {
      const isOver = this.#child.exitCode !== null || this.#child.signalCode !== null
      const found = this.#lines.filter((line) => line.includes(text)).length
      if (isOver && found < times) return `It has ended, and said ${this.#lines.join('\n')}\n${this.#errors}`
      return found >= times
    })
  }

  async end(): Promise<{ readonly code: number | null; readonly last: string | undefined; readonly errors: string }> {
    this.#child.kill('SIGTERM')
    const code = await this.ended
    return { code, last: this.#lines.at(-1), errors: this.#errors }
  }
}

/** Number of branches of a round whose steps were done by several workers. */
function movedIn(tokens: readonly string[], round: number): number {
  const workers = new Map<string, Set<string>>()
  for (const text of tokens) {
    const [, name = '', worker = ''] = /^(r\d+-\d+)\/\w+=(\d+)\./.exec(text) ?? []
    if (name.startsWith(`r${round}-`)) workers.set(name, (workers.get(name) ?? new Set()).add(worker))
  }
  return [...workers.values()].filter(({ size }) => size > 1).length
}

/** Waits for something. @param found true when it is there; a text when it never comes */
async function until(found: () => boolean | string): Promise<void> {
  const answer = await vi.waitUntil(found, { timeout: 45_000, interval: 20 })
  if (answer !== true) throw new TypeError(String(answer))
}

const canRun = findNetns() && spawnSync('redis-server', ['--version']).status === 0
describe.skipIf(!canRun)('hosts whose links are cut in turn', () => {
  it('finish what they have begun, commit each step once, and leave nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'teasel-net-'))
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
    const owner = await bundleWorker('jobs', undefined, 'partition-owner', {
      'partition-worker': 'test/jobs/partition-worker.ts',
    })
    const network = layNetwork(HOSTS)
    cleanups.push(() => network.close())
    const [log, socket] = [join(folder, 'log'), join(folder, 'redis.sock')]
    const at = network.address('server')
    const settings = { port: '6379', bind: at, dir: folder, unixsocket: socket, save: '', 'protected-mode': 'no' }
    const command = ['redis-server', ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])]
    await new Program(network, 'server', command, {}).says('Ready to accept connections')
    const env = { NET_REDIS: `redis://${at}:6379`, NET_LOG: log }
    const worker = join(dirname(owner), 'partition-worker.mjs')
    const workers = ['one', 'two'].map((host) => new Program(network, host, [process.execPath, worker], env))
    await Promise.all(workers.map((one) => one.says('ready')))
    const owning = new Program(network, 'owner', [process.execPath, owner], env)

    const effects = (): string[] => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : [])
    for (const [round, host] of HOSTS.entries()) {
      await until(() => effects().filter((line) => line.includes(` r${round}-`)).length > BRANCHES / 2)
      network.cut(host)
      await pause(CUT_MS)
      network.heal(host)
      await owning.says('round', round + 1)
    }
    expect(await owning.ended).toBe(0)

    const end = JSON.parse(owning.said.at(-1) ?? '') as { status: string; tokens: string[]; committed: string[] }
    expect(end.status).toBe('finished')
    expect(end.tokens.map((token) => token.split('=')[0])).toEqual(EXPECTED)
    // A worker that is cut off loses its branches to the other one.
    for (const round of [2, 3]) expect(movedIn(end.tokens, round)).toBeGreaterThan(0)
    // What is kept was done, and each of it once: a step that ran twice has committed one of its tokens.
    const done = effects().map((line) => line.split(' ')[3])
    expect(new Set(done).size).toBe(done.length)
    expect(end.tokens.filter((token) => !done.includes(token.split('=')[1]))).toEqual([])
    expect(end.committed.length).toBe(new Set(end.committed).size)
    expect(end.committed.length).toBe(ROUNDS * BRANCHES * 3)

    const begin = `${QUEUE.prefix}:${QUEUE.queue}:`
    const left = async (): Promise<string[]> =>
      (await redisKeys(socket, begin))
        .map((key) => key.slice(begin.length))
        .filter((key) => !/^(stalled-check|marker|events|id|meta)$/.test(key))
    await vi.waitUntil(async () => (await left()).length === 0, { timeout: 20_000, interval: 50 })
    for (const one of workers)
      expect(await one.end()).toEqual({ code: 0, last: '{"ok":true,"running":0,"paused":0}', errors: '' })
  })
})
