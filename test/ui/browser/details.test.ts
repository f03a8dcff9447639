import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createApplication, defineMessage, defineState, type Tracker } from 'teasel'
import { memoryPersister, type Persister } from 'teasel/persistence'
import { fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defer, untilAborted } from '../../support/deferred.js'
import { quiet } from '../../support/quiet-logger.js'
import { openExpense } from './story.js'
import { browserSuite, chromium } from './suite.js'

const PROGRAM = fileURLToPath(new URL('live-program.ts', import.meta.url))
const TSCONFIG = fileURLToPath(new URL('../../../tsconfig.json', import.meta.url))

interface Trip {
  place: string
  n: number
  found: string
  booked: boolean
}
const kit = defineState<Trip>()
const booking = defineMessage('booking', z.object({ booked: z.boolean(), budget: z.number().min(10) }))
const plan = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
const look = kit.action({
  reads: ['n'],
  writes: ['found'],
  async *run({ state: { n } }) {
    yield 'looking'
    if (n % 7 === 5) throw new RangeError('429: too many requests')
    return { found: `found ${n}` }
  },
})
const branches = (count: number) =>
  kit.mapStates({
    ...{ reads: [], writes: ['found'], action: look, settle: 'collect' },
    states: Array.from({ length: count }, (_, n) => ({ n })),
    reduce: ({ results }) => ({ found: `${results.length}` }),
  })
const ask = kit.action({
  reads: ['place'],
  writes: ['booked'],
  run: async ({ context, state }) => {
    const asked = { ask: { question: 'May it be booked?', place: state.place }, timeoutMs: 3_600_000 }
    return { booked: (await context.receiveOne(booking, asked)).body.booked }
  },
})
const trip = kit.graph({
  actions: { plan, look: branches(3), ask },
  transitions: { plan: 'look', look: 'ask' },
})

describe.skipIf(chromium === undefined)('the details of steps and states, in a browser', () => {
  const { dir, closes, show } = browserSuite()

  /** A run that waits for an answer, in this process. */
  function waitingTrip(appId: string, place: string, persister: Persister, partitionKey: string | null = null) {
    const start = { appId, entrypoint: 'plan', state: { place, n: 1 }, persister, logger: quiet } as const
    const app = createApplication(trip, { ...start, ...(partitionKey !== null && { partitionKey }) })
    closes(() => app[Symbol.asyncDispose]())
    return app
  }

  it('have the question of a waiting step: its text, its schema, its time, and its answer', async () => {
    const persister = memoryPersister()
    const run = waitingTrip('trip-1', 'Rome', persister).run()
    const { page, faults } = await show({ demo: { persister, messages: [booking] } }, '/p/demo/r/trip-1')
    const question = page.getByRole('region', { name: 'Details' }).getByRole('region', { name: 'Question' })
    await question.getByText('May it be booked?').waitFor()
    expect(await question.textContent()).toMatch(/ask waits for .*(59 min \d+ s|60 min 0 s|1 h 0 min) left/)
    await question.getByText('Schema of booking').click()
    expect(await question.locator('.schema').textContent()).toContain('budget')
    await page.locator('.row.step').first().click()
    await question.waitFor({ state: 'detached' })
    await page.locator('.row.step').last().click()

    const focused = () => page.evaluate('document.activeElement.textContent + document.activeElement.id')
    await question.getByLabel('booked').check()
    await question.getByLabel('budget').fill('9')
    await question.getByRole('button', { name: 'Answer' }).click()
    await question.getByRole('alert').getByText('Too small').waitFor()
    expect(await question.getByRole('alert').locator('li').count()).toBe(0)
    expect(await focused()).toBe('Answer')
    expect(faults.splice(0).join()).toContain('422')
    await question.getByLabel('budget').fill('100')
    await question.getByRole('button', { name: 'Answer' }).click()

    expect((await run).state.booked).toBe(true)
    await question.waitFor({ state: 'detached' })
    await expect.poll(focused).toMatch(/main$/)
    expect(faults).toEqual([])
  })

  it('ask for no state that is not stored: the start of a branch', async () => {
    await using tracker = fileTracker({ dir, project: 'demo' })
    const graph = kit.graph({ actions: { look: branches(2) } })
    const options = { appId: 'start-1', entrypoint: 'look', state: { place: 'Rome' }, tracker, logger: quiet } as const
    await createApplication(graph, options).run()
    const { page, faults } = await show(projectsIn(dir), '/p/demo/r/start-1?path=look/0&step=0&tab=diff')
    await page.waitForSelector('.changes li')
    expect(await page.locator('.changes li b').allTextContents()).toEqual(['+ found added'])
    expect(await page.textContent('.tab-body')).toContain('The state before it is not stored. It wrote:')
    expect(faults).toEqual([])
  })

  it('compare the states that are stored, and name the others', async () => {
    const persister = memoryPersister()
    for (const [appId, place] of [
      ['trip-2', 'Rome'],
      ['trip-3', 'Oslo'],
    ] as const)
      await waitingTrip(appId, place, persister, 'europe').run({ whenWaiting: 'return' })
    const { page, faults, url } = await show({ demo: { persister } }, '/p/demo?partition=europe')
    await page.getByLabel('Choose trip-2').check()
    await page.getByLabel('Choose trip-3').check()
    await page.getByRole('link', { name: 'Compare' }).click()
    await page.locator('.compare tbody button').nth(2).click()
    await page.waitForSelector('.changes li')
    const told = await page.getByRole('region', { name: 'Difference of the states' }).textContent()
    expect(told).toContain('trip-2: ask has committed nothing. This is the state before it.')
    expect(await page.locator('.changes li b').allTextContents()).toEqual(['~ place changed'])
    expect(await page.textContent('main')).toContain('Every step wrote the same. The states differ where')

    await page.goto(`${url}/p/demo/compare?a=trip-2&pa=europe&b=nobody`)
    await page.waitForSelector('.empty >> text=nobody: no step is recorded')
    expect(faults).toEqual([])
  })

  it('tell that a store keeps no logs, spans and streams', async () => {
    const persister = memoryPersister()
    await waitingTrip('trip-4', 'Rome', persister).run({ whenWaiting: 'return' })
    const { page, faults } = await show({ demo: { persister } }, '/p/demo/r/trip-4?step=0')
    for (const [tab, what] of [
      ['Logs', 'Logs'],
      ['Spans', 'Spans'],
      ['Stream', 'Streams'],
    ] as const) {
      await page.getByRole('tab', { name: tab }).click()
      await page.waitForSelector(`.empty >> text=${what} are kept by a tracker, not by a store`)
    }
    expect(faults).toEqual([])
  })

  it('offer nothing that a project without a store refuses', async () => {
    await using tracker = fileTracker({ dir, project: 'demo' })
    const app = openExpense('expense-7', { tracker })
    closes(() => app[Symbol.asyncDispose]())
    void app.run({ whenWaiting: 'return' })
    const { page, faults, url } = await show(projectsIn(dir), '/p/demo/r/expense-7')
    await page.waitForSelector('.question >> text=It is answered in the program that runs it')
    expect(await page.locator('button', { hasText: /^(Cancel|Fork…|Answer)$/ }).count()).toBe(0)
    await page.goto(`${url}/p/demo`)
    await page.getByLabel('Choose expense-7').check()
    await page.getByRole('button', { name: 'Delete' }).waitFor()
    expect(await page.getByRole('button', { name: 'Cancel' }).count()).toBe(0)
    expect(faults).toEqual([])
  })

  it('have no time that goes on where the process of a run is gone', async () => {
    const child: ChildProcess = fork(PROGRAM, [dir, 'gone-1'], {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, TSX_TSCONFIG_PATH: TSCONFIG },
    })
    await once(child, 'message')
    child.send('one')
    const { page } = await show(projectsIn(dir), '/p/demo/r/gone-1')
    await page.waitForSelector('.row[data-status=done]')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const index = join(dir, 'demo/index')
    const beats = existsSync(index) ? readdirSync(index).map((name) => join(index, name)) : []
    const hourAgo = Date.now() / 1000 - 3600
    for (const file of [join(dir, 'demo/runs/gone-1.0.0.jsonl'), ...beats]) utimesSync(file, hourAgo, hourAgo)
    await page.clock.install()
    await page.reload()
    await page.waitForSelector('.head .status[data-status=interrupted]')
    const times = () => page.locator('.head .quiet:nth-of-type(2), .row .ms, .facts .quiet').allTextContents()
    const before = await times()

    await page.clock.runFor(600_000)

    await page.waitForSelector('.head >> text=process gone 1 h ago')
    expect(await times()).toEqual(before)
  })

  it('have the faults of code beside the steps', async () => {
    await using files = fileTracker({ dir, project: 'demo' })
    const tracker: Tracker = {
      begin: (run) => files.begin?.(run),
      track(event) {
        files.track(event)
        if (event.type === 'step.end') throw new Error('the collector is gone')
      },
    }
    const graph = kit.graph({ actions: { plan } })
    const options = { appId: 'fault-1', entrypoint: 'plan', state: { n: 1 }, tracker, logger: quiet } as const
    await createApplication(graph, options).run()
    const { page, faults } = await show(projectsIn(dir), '/p/demo/r/fault-1?tab=logs')
    const told = page.getByRole('region', { name: 'Faults beside the steps' })
    await told.getByText('tracker threw Error: the collector is gone').waitFor()
    expect(await told.locator('h3').textContent()).toBe('1 fault beside the steps')
    expect(faults).toEqual([])
  })

  it('stay in the width of a narrow list, with numbers of branches in it', async () => {
    const began = defer()
    await using tracker = fileTracker({ dir, project: 'demo' })
    const hang = kit.action({
      reads: ['n'],
      writes: ['found'],
      run: ({ signal }) => {
        began.resolve()
        return untilAborted(signal)
      },
    })
    const fan = kit.mapStates({
      ...{ reads: [], writes: ['found'], action: hang, settle: 'collect' },
      states: [{ n: 0 }, { n: 1 }],
      reduce: () => ({ found: '' }),
    })
    const options = { appId: 'hang-1', entrypoint: 'fan', state: { n: 1 }, tracker, logger: quiet } as const
    const app = createApplication(kit.graph({ actions: { fan } }), options)
    const run = app.run()
    await began.promise
    const { page } = await show(projectsIn(dir), '/p/demo?q=hang-1')
    await page.setViewportSize({ width: 360, height: 720 })
    await page.waitForSelector('tbody .counts [data-status=running]', { state: 'attached' })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
    app.cancel()
    await run.catch(() => {})
  })

  it('have the errors of branches in a file that is dropped, and ask for it again after a reload', async () => {
    await using tracker = fileTracker({ dir, project: 'demo' })
    const graph = kit.graph({ actions: { look: branches(7) } })
    const options = { appId: 'file-1', entrypoint: 'look', state: { n: 1 }, tracker, logger: quiet } as const
    await createApplication(graph, options).run()
    const { page, faults, url } = await show(projectsIn(dir), '/?open=file')
    const text = await (await fetch(`${url}/api/v1/runs/file-1/export?project=demo`)).text()
    const file = { name: 'file-1.jsonl', mimeType: 'text/plain', buffer: Buffer.from(text) }
    await page.setInputFiles('input[type=file]', file)
    await page.getByRole('link', { name: 'look: 7 branches' }).click()
    await page.waitForSelector('.attention >> text=RangeError: 429: too many requests')
    expect(await page.locator('.row.branch[data-status=failed] .ellipsis').textContent()).toContain('429')
    expect(await page.locator('.row.branch[data-status=done] .ellipsis').first().textContent()).toBe('look')
    await page.locator('.row.branch[data-status=failed] a').click()
    await page.waitForSelector('.error-view >> text=Caused by RangeError')
    await page.reload()

    await page.waitForSelector('text=Open the file again')
    await page.setInputFiles('input[type=file]', file)
    await page.waitForSelector('.row.step')
    expect(faults).toEqual([])
  })

  it('have the action of the step in sight, however long the graph is', async () => {
    const names = Array.from({ length: 24 }, (_, i) => `a${i}`)
    const graph = kit.graph({
      actions: Object.fromEntries(names.map((name) => [name, plan])),
      transitions: Object.fromEntries(names.slice(1).map((name, i) => [`a${i}`, name])),
    })
    await using tracker = fileTracker({ dir, project: 'demo' })
    const options = { appId: 'long-2', entrypoint: 'a0', state: { n: 1 }, tracker, logger: quiet } as const
    await createApplication(graph, options).run()
    const { page, faults } = await show(projectsIn(dir), '/p/demo/r/long-2')
    const isSeen = (name: string) => () =>
      page.evaluate(
        `(() => { const [g, box] = [document.querySelector('g[data-path="${name}"]'), document.querySelector('.graph-box')].map((one) => one?.getBoundingClientRect()); return g !== undefined && g.top >= box.top && g.bottom <= box.bottom })()`,
      )
    await expect.poll(isSeen('a23')).toBe(true)
    expect(await isSeen('a2')()).toBe(false)
    await page.getByLabel('Step that is shown').fill('2')
    await expect.poll(isSeen('a2')).toBe(true)
    expect(faults).toEqual([])
  })

  it('offer a cancel for those of the chosen runs that go on', async () => {
    const persister = memoryPersister()
    await waitingTrip('open-1', 'Rome', persister).run({ whenWaiting: 'return' })
    const options = { entrypoint: 'plan', state: { n: 1 }, persister, logger: quiet } as const
    await createApplication(kit.graph({ actions: { plan } }), { ...options, appId: 'over-1' }).run()
    const { page, faults } = await show({ demo: { persister } }, '/p/demo')
    await page.getByLabel('Choose over-1').check()
    const toolbar = page.getByRole('toolbar')
    await toolbar.getByRole('button', { name: 'Delete' }).waitFor()
    expect(await toolbar.getByRole('button', { name: 'Cancel' }).count()).toBe(0)
    await page.getByLabel('Choose open-1').check()
    await toolbar.getByRole('button', { name: 'Cancel 1' }).click()
    await page.getByRole('dialog', { name: 'Cancel 1 run?' }).getByRole('button', { name: 'Cancel' }).click()
    await page.waitForSelector('tr[data-status=cancelled] >> text=open-1')
    expect(faults).toEqual([])
  })

  it('have times on the axis that are not cut off', async () => {
    await using tracker = fileTracker({ dir, project: 'demo' })
    const options = { appId: 'axis-1', entrypoint: 'plan', state: { n: 1 }, tracker, logger: quiet } as const
    await createApplication(kit.graph({ actions: { plan } }), options).run()
    const { page, faults, url } = await show(projectsIn(dir), '/?open=file')
    const text = await (await fetch(`${url}/api/v1/runs/axis-1/export?project=demo`)).text()
    // It ends right behind a time that the axis has.
    const ended = text.replaceAll(/"endedAt":\d+/g, '"endedAt":1605').replaceAll(/"startedAt":\d+/g, '"startedAt":1000')
    const file = { name: 'axis-1.jsonl', mimeType: 'text/plain', buffer: Buffer.from(ended) }
    await page.setInputFiles('input[type=file]', file)
    await page.getByRole('tab', { name: 'Timeline' }).click()
    await page.waitForSelector('.timeline .tick >> text=600 ms')
    const room = await page.evaluate<number>(
      `Math.min(...[...document.querySelectorAll('.timeline .tick text')].map((text) =>
        text.ownerSVGElement.getBoundingClientRect().right - text.getBoundingClientRect().right))`,
    )
    expect(room).toBeGreaterThanOrEqual(0)
    expect(faults).toEqual([])
  })

  it('have room for the numbers of a map whose graph is not recorded', async () => {
    const persister = memoryPersister()
    const options = { appId: 'wide-1', entrypoint: 'look', state: { place: 'Rome' }, persister, logger: quiet } as const
    await createApplication(kit.graph({ actions: { look: branches(1300) } }), options).run()
    const { page, faults } = await show({ demo: { persister } }, '/p/demo/r/wide-1/m/look')
    await page.waitForSelector('.template svg text')
    const room = await page.evaluate<readonly number[]>(
      `[...document.querySelectorAll('.template svg text')].map((text) => {
        const [own, box] = [text, text.ownerSVGElement.querySelectorAll('rect')[1]].map((one) => one.getBoundingClientRect())
        return Math.min(own.left - box.left, box.right - own.right)
      })`,
    )
    expect(await page.textContent('.template svg text')).toContain('✕')
    expect(room.length).toBeGreaterThan(0)
    for (const px of room) expect(px).toBeGreaterThan(0)
    expect(faults).toEqual([])
  })
})
