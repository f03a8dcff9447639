import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { WorkerLine } from 'teasel/executor/threads'
import { threads } from 'teasel/executor/threads'
import { describe, expect, it } from 'vitest'
import { createDeferred } from '../../src/internal/deferred.js'
import { SOURCE_ARGUMENTS } from '../support/built/arguments.js'
import { type Item, mapIn, mostAtOnce, statesOf } from './fixtures/map-in.js'
import { POOLS, using } from './pool-rig.js'

const items = (count: number, item: Item): Item[] => Array.from({ length: count }, () => item)
const program = fileURLToPath(new URL('./fixtures/program.ts', import.meta.url))

/** Starts a program of its own. */
function start(...args: readonly string[]): {
  readonly child: ChildProcess
  text: () => string
  line: (part: string) => Promise<string>
} {
  const child = spawn(process.execPath, [...SOURCE_ARGUMENTS, program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const waiting: (() => void)[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part
      for (const look of waiting) look()
    })
  const line = (part: string): Promise<string> => {
    const { promise, resolve } = createDeferred<string>()
    const look = (): void => {
      const found = text.split('\n').find((one) => one.includes(part))
      if (found !== undefined) resolve(found)
    }
    waiting.push(look)
    look()
    return promise
  }
  return { child, text: () => text, line }
}

describe.each(POOLS)('%s', (name, make) => {
  it('run exactly as many branches at once as `concurrency` takes, over all workers', async () => {
    const own = using(make({ workers: 2, tasksPerWorker: 8, concurrency: 3 }))
    const states = statesOf(await mapIn(own, items(12, ['span', { n: 30 }])).results())
    expect(mostAtOnce(states)).toBeLessThanOrEqual(3)
    expect(new Set(states.map(({ span }) => span.worker)).size).toBe(2)
    const { app, run, chunks } = mapIn(own, items(5, ['holds']))
    const [three, five] = [chunks(3), chunks(5)]
    const ran = run()
    await three
    for (const i of [0, 1, 2]) await app.cancel({ path: `all/holds${i}`, reason: 'next' })
    await five
    for (const i of [3, 4]) await app.cancel({ path: `all/holds${i}`, reason: 'last' })
    expect((await ran).map((text) => text.slice(-4))).toEqual(['next', 'next', 'next', 'last', 'last'])
  })

  it('run at most `tasksPerWorker` in one worker', async () => {
    const own = using(make({ workers: 2, tasksPerWorker: 1 }))
    const states = statesOf(await mapIn(own, items(8, ['calculates', { n: 20 }])).results())
    const workers = groupsOf(states)
    expect([...workers.values()].map((group) => mostAtOnce(group))).toEqual([1, 1])
  })

  it('end a worker that was idle, in peace, and start another one for more work', async () => {
    const left = createDeferred<void>()
    const output = ({ line }: WorkerLine): void => void (line === 'goodbye' && left.resolve())
    const own = using(make({ workers: 1, idleMs: 1, output }))
    const [first] = statesOf(await mapIn(own, [['leaves']]).results())
    await left.promise
    const [second] = statesOf(await mapIn(own, [['leaves']]).results())
    expect(second?.text).not.toBe(first?.text)
  })

  it('hold no process open while they are idle, and print the lines of their workers', async () => {
    const { child, text } = start(name, 'prints')
    const [code] = (await once(child, 'close')) as [number]
    expect(code).toBe(0)
    expect(text().trim().split('\n').toSorted()).toEqual(['done prints0: later1', 'fault 1', 'line 1'])
  })

  it.each([
    ['sleeps', [], 'sleeps0: awake'],
    ['flaky', [], 'flaky0: later4'],
    ['asks', ['send'], 'asks0: yes'],
    ['asks', ['cancel'], 'asks0: cancelled, enough'],
  ])('hold the process open while a branch goes on: %s %s', async (branch, acts, end) => {
    const { child, text } = start(name, branch, ...acts)
    const [code] = (await once(child, 'close')) as [number]
    expect([text().trim(), code]).toEqual([`done ${end}`, 0])
  })

  it('hold no process open for a branch that waits for a message only', async () => {
    const { child } = start(name, 'asks')
    const [code] = (await once(child, 'close')) as [number]
    expect(code).toBe(13) // as without an executor: the run has not ended
  })

  it.each(['holds', 'spins'])('leave nothing when their owner is killed: a branch that %s', async (branch) => {
    const { child, line } = start(name, branch)
    await line('chunk here')
    const workers = childrenOf(child.pid ?? 0)
    expect(workers.length > 0).toBe(name === 'processes')
    child.kill('SIGKILL')
    await once(child, 'close')
    await Promise.all(workers.map(gone))
  })

  it('pass on each line with its stream, and its branch where one runs', async () => {
    const lines: WorkerLine[] = []
    const own = using(make({ workers: 1, tasksPerWorker: 1, output: (line) => void lines.push(line) }))
    await mapIn(own, [['prints', { n: 1 }]]).run()
    await own.close()
    expect(lines.toSorted((a, b) => a.line.localeCompare(b.line))).toEqual([
      { line: 'fault 1', stream: 'stderr', worker: 1, branch: 'all/prints0' },
      { line: 'line 1', stream: 'stdout', worker: 1, branch: 'all/prints0' },
    ])
  })

  it('leave packets of other code alone', async () => {
    const own = using(make({ workers: 1 }))
    expect(await mapIn(own, [['posts'], ['double', { n: 1 }]]).run()).toEqual(['posts0: posted', 'double1: 2'])
  })

  it('give workers the environment of this process and more', async () => {
    const own = using(make({ workers: 1, env: { COLOUR: 'teal' } }))
    const [state] = statesOf(await mapIn(own, [['places']]).results())
    expect(state?.out[1]).toBe('teal')
  })

  it('refuse invalid options, all at once', () => {
    const wrong: never = {
      workers: 0,
      tasksPerWorker: 1.5,
      idleMs: -1,
      execArgv: 'x',
      env: { a: 1 },
      output: 1,
      worker: 'x',
    } as never
    expect(() => make(wrong)).toThrow(
      [
        `workers of ${name}() is 0; it takes a whole number above 0.`,
        `tasksPerWorker of ${name}() is 1.5; it takes a whole number above 0.`,
        `env of ${name}() is an object; it takes texts by name.`,
        `execArgv of ${name}() is "x"; it takes a list of texts.`,
        `idleMs of ${name}() is -1; it takes milliseconds, or Infinity.`,
        `output of ${name}() is 1; it takes a function: ({ line, stream, worker, branch }) => ….`,
        `worker of ${name}() is "x"; it takes the URL of a file.`,
      ].join('\n'),
    )
    expect(() => make({ worker: 1, wrokers: 2 } as never)).toThrow(`${name} has no option "wrokers".`)
  })

  it('leave nothing when they are closed', async () => {
    const before = process.getActiveResourcesInfo()
    const own = make({ workers: 2 })
    await mapIn(own, items(4, ['span', { n: 1 }])).run()
    await own[Symbol.asyncDispose]()
    const after = process.getActiveResourcesInfo()
    for (const one of before) after.splice(after.indexOf(one), after.includes(one) ? 1 : 0)
    expect(after.filter((one) => one !== 'Timeout' && one !== 'Immediate')).toEqual([])
  })
})

it('threads() refuses limits that it does not know', () => {
  expect(() => threads({ resourceLimits: { maxOldSpaceMb: 1 } as never })).toThrow(
    'resourceLimits of threads() is an object; it takes MB by name: maxOldGenerationSizeMb,',
  )
})

function groupsOf<T extends { readonly span: { readonly worker: string } }>(states: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of states) groups.set(one.span.worker, [...(groups.get(one.span.worker) ?? []), one])
  return groups
}

/** The processes below a process: those whose parent it is. */
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)

/** Resolves when a process has ended. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
      if (readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')) return
    } catch {
      return
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}
