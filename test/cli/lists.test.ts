import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createApplication, defineState } from 'teasel'
import { fileTracker } from 'teasel/tracking/file'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defer } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { call, temporaryFolder } from './call.js'

const folder = temporaryFolder()
const gate = defer()
const began = defer()
const closed: (() => unknown)[] = []
const say = async (...argv: string[]): Promise<string> => {
  const { out } = await call(['runs', ...argv, '--dir', folder.path], { now: () => Date.now() + 3_600_000 })
  return out
}

beforeAll(async () => {
  const tracker = fileTracker({ dir: folder.path })
  const kit = defineState<{ n: number }>()
  const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
  const fail = kit.action({
    reads: ['n'],
    writes: ['n'],
    run: () => {
      throw new RangeError('It sank.')
    },
  })
  const hang = kit.action({
    reads: ['n'],
    writes: ['n'],
    async run({ state }) {
      began.resolve()
      await gate.promise
      return state
    },
  })
  const graph = kit.graph({
    actions: { add, fail, hang },
    transitions: {
      add: [
        { to: 'fail', when: { n: 8 } },
        { to: 'hang', when: { n: 108 } },
        { to: 'add', when: ({ state: { n } }) => n < 230 },
      ],
    },
  })
  const options = { entrypoint: 'add', tracker, logger: quiet } as const
  await createApplication(graph, { ...options, appId: 'long', state: { n: 200 } }).run()
  await createApplication(graph, { ...options, appId: 'sunk', state: { n: 7 } })
    .run()
    .catch(() => {})
  const run = createApplication(graph, { ...options, appId: 'gone', state: { n: 107 } }).run()
  closed.push(async () => {
    gate.resolve()
    await run
    await tracker.dispose()
    folder[Symbol.dispose]()
  })
  await began.promise
  tracker.flush()
  const hourAgo = Date.now() / 1000 - 3600
  const index = join(folder.path, 'default/index')
  const files = [
    join(folder.path, 'default/runs/gone.0.0.jsonl'),
    ...readdirSync(index).map((name) => join(index, name)),
  ]
  for (const file of files) utimesSync(file, hourAgo, hourAgo)
})
afterAll(async () => {
  for (const close of closed) await close()
})

describe('teasel runs', () => {
  it('lists a failed run at the action that failed', async () => {
    expect(await say('ls', '--text', 'sunk')).toMatch(/failed +sunk +fail +1 /)
  })

  it('tells no time that goes on after a process is gone', async () => {
    expect(await say('ls', '--text', 'gone')).toMatch(/interrupted +gone +hang +1 +0 ms/)
    expect(await say('show', 'gone')).toMatch(/time +0 ms/)
  })

  it('tells how many steps stand before the last ones', async () => {
    const text = await say('show', 'long')

    expect(text).toMatch(/^ +10 +add/m)
    expect(text).not.toMatch(/^ +9 +add/m)
    expect(text).toContain('… 10 earlier, each with @STEP')
  })

  it('tells a long time in days', async () => {
    const burr = fileURLToPath(new URL('../tracking/burr', import.meta.url))
    const now = () => Date.parse('2026-11-30T12:00:00Z')
    const { out } = await call(['runs', 'ls', '--burr', burr, '--status', 'waiting'], { now })

    expect(out).toMatch(/asks .* 274 d \d+ h /)
  })

  it('tells what an action needs that a log cannot do', async () => {
    const { code, err } = await call(['cancel', 'gone', '--dir', folder.path])

    expect(code).toBe(1)
    expect(err).toContain('Cancel it in the program that runs it, or give its store, too: --store sqlite:FILE.')
  })
})
