import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { createApplication, defineMessage, defineState } from 'teasel'
import { createHost, hosted } from 'teasel/host'
import { memoryPersister } from 'teasel/persistence'
import { fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SOURCE_ARGUMENTS } from '../../support/built/arguments.js'
import { defer, untilAborted } from '../../support/deferred.js'
import { quiet } from '../../support/quiet-logger.js'
import type { PageServer } from './rig.js'
import { expenseGraph, FEW, openExpense, runSurvey } from './story.js'
import { browserSuite, chromium } from './suite.js'

const PROGRAM = fileURLToPath(new URL('live-program.ts', import.meta.url))

describe.skipIf(chromium === undefined)('the page while things happen, in a browser', () => {
  const { dir, closes, serve, open } = browserSuite()

  const server = (port?: number, until?: Parameters<typeof serve>[2]): Promise<PageServer> =>
    serve(projectsIn(dir), port, until)

  /** A run in another process: it makes a step for each word that it is sent. */
  async function otherProcess(appId: string): Promise<ChildProcess> {
    const child = fork(PROGRAM, [dir, appId], {
      execArgv: [...SOURCE_ARGUMENTS],
    })
    closes(() => child.kill('SIGKILL'))
    await once(child, 'message')
    return child
  }

  async function openRun(url: string, appId: string): Promise<Page> {
    const { page } = await open(`${url}/p/demo/r/${appId}`)
    await page.waitForSelector('.row.step')
    await page.waitForSelector('.live[data-live=live]')
    return page
  }

  it('shows the steps of another process, and its stream', async () => {
    const { url } = await server()
    const child = await otherProcess('other-1')
    const page = await openRun(url, 'other-1')
    child.send('one')
    await page.waitForSelector('.row[data-status=done]')
    await page.getByRole('tab', { name: 'State' }).click()
    await page.waitForSelector('.json >> text=one')
    child.send('end')

    await page.waitForSelector('.head .status[data-status=finished]')
    expect(await page.locator('.row.step').count()).toBe(2)
    await page.getByRole('tab', { name: 'Stream' }).click()
    expect(await page.textContent('.stream')).toBe('got end')
  })

  it('reads again what changed before its stream began', async () => {
    const begun = defer()
    const { url } = await server(undefined, ({ pathname }) =>
      pathname.endsWith('/stream') ? begun.promise : undefined,
    )
    const child = await otherProcess('early-1')
    const { page } = await open(`${url}/p/demo/r/early-1`)
    await page.waitForSelector('.row.step')
    child.send('end')
    await once(child, 'exit')
    begun.resolve()

    await page.waitForSelector('.live[data-live=live]')
    await page.waitForSelector('.head .status[data-status=finished]')
  })

  it('goes on after the server was started again', async () => {
    const first = await server()
    const child = await otherProcess('other-2')
    const page = await openRun(first.url, 'other-2')
    await first.close()
    await page.waitForSelector('.live[data-live=reconnecting]')
    child.send('while it was gone')
    expect(await page.locator('.row.step').count()).toBe(1)
    await server(first.port)

    await page.waitForSelector('.live[data-live=live]')
    await page.waitForSelector('.row[data-status=done]')
    child.send('end')
    await page.waitForSelector('.head .status[data-status=finished]')
  })

  it('names the damage of a run, and shows it when it is mended', async () => {
    const child = await otherProcess('bad-1')
    child.send('end')
    await once(child, 'exit')
    const log = join(dir, 'demo/runs/bad-1.0.0.jsonl')
    const text = readFileSync(log, 'utf8')
    writeFileSync(log, text.slice(1))
    const { url } = await server()
    const { page } = await open(`${url}/p/demo/r/bad-1`)

    await page.waitForSelector('.problem >> text=/bad-1.*its first line is damaged.*Put a copy of it in its place/')
    await page.waitForSelector('.live[data-live=live]')
    writeFileSync(log, text)

    await page.waitForSelector('.row.step')
    await page.waitForSelector('.head .status[data-status=finished]')
  })

  it('has one connection for nine tabs', async () => {
    const made = await server()
    const child = await otherProcess('other-3')
    const { page: first } = await open(`${made.url}/p/demo/r/other-3`)
    const pages = [first]
    for (let i = 1; i < 9; i++) {
      const page = await first.context().newPage()
      await page.goto(`${made.url}/p/demo/r/other-3`)
      pages.push(page)
    }
    // A tab in the background has no frames, in which a selector would be waited for.
    const shows = (selector: string) =>
      Promise.all(pages.map((page) => expect.poll(() => page.locator(selector).count(), { timeout: 30_000 }).toBe(1)))
    await shows('.live[data-live=live]')
    child.send('one')
    await shows('.row[data-status=done]')

    expect(made.streams()).toBe(1)
    await first.context().close()
    await expect.poll(() => made.streams()).toBe(0)
  })

  it('asks, answers, and shows that the question is gone', async () => {
    const persister = memoryPersister()
    const app = openExpense('expense-2', { persister })
    const run = app.run()
    closes(() => app[Symbol.asyncDispose]())
    const made = await serve({
      demo: { persister, graphs: { expense: expenseGraph.runnable({ entrypoint: 'review' }) } },
    })
    const { page } = await open(`${made.url}/p/demo/inbox`)
    await page.getByLabel('approved').check()
    await page.getByLabel('amount').fill('100')
    await page.getByRole('button', { name: 'Answer' }).click()

    await page.waitForSelector('text=Nothing waits for an answer')
    expect((await run).state.receipt).toBe('paid 100')
  })

  it('takes a text as a text, where the schema of the answer is one', async () => {
    const kit = defineState<{ note: string; many: number }>()
    const note = defineMessage('note', z.string())
    const many = defineMessage('many', z.number())
    const ask = kit.action({
      reads: [],
      writes: ['note', 'many'],
      run: async ({ context }) => ({
        note: (await context.receiveOne(note)).body,
        many: (await context.receiveOne(many)).body,
      }),
    })
    const persister = memoryPersister()
    const options = { appId: 'note-1', entrypoint: 'ask', state: {}, persister, logger: quiet } as const
    await using app = createApplication(kit.graph({ actions: { ask } }), options)
    const run = app.run()
    const made = await serve({ demo: { persister, applications: [app] } })
    const { page } = await open(`${made.url}/p/demo/inbox`)
    await page.getByLabel('note', { exact: true }).fill('"no JSON"\nof two lines')
    await page.getByRole('button', { name: 'Answer' }).click()
    await page.getByLabel('many', { exact: true }).fill('7')
    await page.getByRole('button', { name: 'Answer' }).click()

    expect((await run).state).toMatchObject({ note: '"no JSON"\nof two lines', many: 7 })
  })

  it('cancels a run with a reason', async () => {
    const persister = memoryPersister()
    const runnable = expenseGraph.runnable({ entrypoint: 'review' })
    const app = openExpense('expense-3', { persister })
    await app.run({ whenWaiting: 'return' })
    await app.shutdown('waits for a person')
    const made = await serve({ demo: { persister, graphs: { expense: runnable } } })
    const { page } = await open(`${made.url}/p/demo/r/expense-3`)
    await page.waitForSelector('.head .status[data-status=waiting]')
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.keyboard.press('Escape')
    await page.waitForSelector('dialog', { state: 'detached' })
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Cancel')
    await page.keyboard.press('Enter')
    await page.keyboard.type('nobody is here')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.head .status[data-status=cancelled]')
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('main')
    expect(await page.textContent('.head')).toContain('nobody is here')
  })

  it('cancels a map with a reason: its run goes on with what is left', async () => {
    const kit = defineState<{ n: number; ends: string }>()
    const hangs = kit.action({ reads: ['n'], writes: ['n'], run: ({ signal }) => untilAborted(signal) })
    const fan = kit.mapStates({
      reads: [],
      writes: ['ends'],
      settle: 'collect',
      concurrency: 2,
      action: hangs,
      states: Array.from({ length: 5 }, (_, n) => ({ n })),
      reduce: ({ results }) => ({ ends: results.map((r) => ('reason' in r ? r.reason : r.status)).join() }),
    })
    const after = kit.action({ reads: ['ends'], writes: ['n'], run: () => ({ n: 1 }) })
    const graph = kit.graph({ actions: { fan, after }, transitions: { fan: 'after' } })
    const persister = memoryPersister()
    const host = createHost({
      persister,
      graphs: { fan: hosted(graph, { entrypoint: 'fan', logger: quiet }) },
      signals: [],
      logger: quiet,
    })
    closes(() => host.close())
    await host.start('fan', { appId: 'fan-1', state: {} })
    const made = await serve({ demo: { host } })
    const { page } = await open(`${made.url}/p/demo/r/fan-1/m/fan`)
    await page.getByRole('button', { name: 'Cancel map' }).click()
    await page.getByLabel('Reason').fill('enough of it')
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel map' }).click()
    await page.waitForSelector('.head .status[data-status=done]')
    expect(await page.textContent('.map-sum')).toContain('5 of 5')
    expect(await page.locator('button', { hasText: 'Cancel map' }).count()).toBe(0)
    const tree = await persister.describe({ runId: 'fan-1' })
    expect(tree?.run.status).toBe('finished')
    expect(await persister.state({ runId: 'fan-1' })).toMatchObject({ ends: Array(5).fill('enough of it').join() })
  })

  it('shows a map as soon as its run comes to it', async () => {
    const kit = defineState<{ n: number }>()
    const [gate, end] = [defer(), defer()]
    const first = kit.action({
      reads: [],
      writes: ['n'],
      async run() {
        await gate.promise
        return { n: 0 }
      },
    })
    const work = kit.action({
      reads: ['n'],
      writes: ['n'],
      run: ({ state: { n }, signal }) => (n === 0 ? end.promise.then(() => ({ n: 1 })) : untilAborted(signal)),
    })
    const fan = kit.mapStates({
      ...{ reads: [], writes: ['n'], action: work, settle: 'first', concurrency: 2 },
      states: Array.from({ length: 5 }, (_, n) => ({ n })),
      reduce: () => ({ n: 5 }),
    })
    const graph = kit.graph({ actions: { first, fan }, transitions: { first: 'fan' } })
    const persister = memoryPersister()
    const app = createApplication(graph, {
      ...{ appId: 'soon-1', entrypoint: 'first', state: {} },
      persister,
      logger: quiet,
    })
    const run = app.run()
    const made = await serve({ demo: { persister } })
    const { page } = await open(`${made.url}/p/demo/r/soon-1/m/fan`)
    await page.waitForSelector('text=The run goes on, and fan has not begun')

    gate.resolve()

    await page.waitForSelector('.head .status[data-status=running]', { timeout: 4000 })
    expect(await page.textContent('.map-sum')).toContain('0 of 5 branches')
    expect(await page.textContent('.map-sum')).toMatch(/· 2 at once · [\d.]+ m?s · the first that settles wins/)
    end.resolve()
    await run
    await page.waitForSelector('.head .status[data-status=done]')
    expect(await page.textContent('.map-sum')).toMatch(
      /5 of 5 branches.* · 2 at once · [\d.]+ m?s · the first that settles wins/,
    )
    expect(await page.getByRole('img', { name: /5 branches/ }).getAttribute('aria-label')).toBe(
      '5 branches: 1 done, 4 cancelled',
    )
  })

  it('forks a run from a step with its state edited, in a host', async () => {
    const kit = defineState<{ n: number; sum: number }>()
    const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
    const double = kit.action({ reads: ['n'], writes: ['sum'], run: ({ state: { n } }) => ({ sum: 2 * n }) })
    const graph = kit.graph({ actions: { add, double }, transitions: { add: 'double' } })
    const persister = memoryPersister()
    const graphs = { sum: hosted(graph, { entrypoint: 'add', logger: quiet }) }
    const host = createHost({ persister, graphs, signals: [], logger: quiet })
    closes(() => host.close())
    await host.start('sum', { appId: 'sum-1', state: { n: 1 } })
    await expect.poll(async () => (await persister.list()).items[0]?.status).toBe('finished')
    const made = await serve({ demo: { host } })
    const { page } = await open(`${made.url}/p/demo/r/sum-1?step=0`)

    await page.getByRole('button', { name: 'Fork…' }).click()
    const state = page.getByLabel('State after step 0')
    await expect.poll(() => state.inputValue()).toContain('"n": 2')
    await state.fill('{ "n": 20 }')
    expect(await page.textContent('dialog .command')).toMatch(/^teasel fork sum-1@0 --patch '{"n":20}' --url /)
    await page.getByRole('button', { name: 'Fork', exact: true }).click()

    await page.waitForURL((url) => !url.pathname.endsWith('sum-1'))
    await page.waitForSelector('.head .status[data-status=finished]')
    const { items } = await persister.list()
    const forked = items.find(({ runId }) => runId !== 'sum-1')
    expect(forked?.forkedFrom).toEqual({ appId: 'sum-1', sequenceId: 0 })
    expect(await persister.state({ runId: forked?.runId ?? '' })).toMatchObject({ n: 20, sum: 40 })
    expect(await persister.state({ runId: 'sum-1' })).toMatchObject({ n: 2, sum: 4 })
  })

  it('opens an exported run that is dropped, without a server', async () => {
    await using tracker = fileTracker({ dir, project: 'demo' })
    await runSurvey(tracker, 'survey-file', FEW)
    const { url } = await server()
    const text = await (await fetch(`${url}/api/v1/runs/survey-file/export?project=demo`)).text()
    const { page, faults } = await open(`${url}/?open=file`)
    await page.setInputFiles('input[type=file]', {
      name: 'survey.jsonl',
      mimeType: 'text/plain',
      buffer: Buffer.from(text),
    })
    await page.waitForSelector('.row.step')
    await page.waitForSelector('g[data-path="multi_prompt_test/never ends"][data-status="cancelled"]')
    await page.locator('.row.step button').first().click()
    await page.waitForSelector('.row.branch')

    expect(await page.locator('.row.branch .name').allTextContents()).toEqual(Object.keys(FEW))
    await page.getByRole('tab', { name: 'State' }).click()
    await page.waitForSelector('.json >> text=replies')
    expect(faults).toEqual([])
  })

  it('shows children under the step of their parent, with their own times and statuses', async () => {
    await using tracker = fileTracker({ dir, project: 'demo' })
    await runSurvey(tracker, 'survey-s112', FEW)
    const { url } = await server()
    const { page } = await open(`${url}/p/demo/r/survey-s112`)
    await page.locator('.row.step', { hasText: 'multi_prompt_test' }).first().locator('button').click()
    await page.waitForSelector('.row.branch')
    const rows = await page.evaluate(
      `[...document.querySelectorAll('.row.branch')].map((row) => [row.ariaLevel, row.dataset.status, row.querySelector('.name').textContent].join(' '))`,
    )
    expect(rows).toEqual(['2 done meaning of life', '2 done unladen swallow', '2 cancelled never ends'])

    await page.locator('.row.branch', { hasText: 'meaning of life' }).locator('button').click()
    await page.waitForSelector('.row[aria-level="3"]')
    const inner = await page.locator('.row[aria-level="3"] .name').allTextContents()
    expect(inner).toEqual(['process_prompt', 'query_llm', 'score'])
    const times = await page.locator('.row.branch .ms').allTextContents()
    const parent = await page.locator('.row[data-status=done] .ms').nth(1).textContent()
    expect(times.filter((time) => time === parent).length).toBeLessThan(times.length)
  })

  it('can be used by keys alone', async () => {
    await using tracker = fileTracker({ dir, project: 'demo' })
    await runSurvey(tracker, 'survey-keys', FEW)
    const { url } = await server()
    const { page } = await open(`${url}/`)
    const press = async (...keys: readonly string[]): Promise<void> => {
      for (const key of keys) await page.keyboard.press(key)
    }
    await page.waitForSelector('.card h2 a')
    await press('j', 'Enter')
    await page.waitForSelector('tbody tr')
    await press('/')
    await page.keyboard.type('survey-keys')
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1)
    await press('Escape', 'j', 'Enter')
    await page.waitForSelector('.row.step')
    await press('k', 'k', 'k', 'k')
    await expect.poll(() => page.url()).toContain('step=1')
    await press('1')
    await page.waitForSelector('[role=tab][aria-selected=true] >> text=State')
    await press('?')
    await page.waitForSelector('dialog[open]')
    await press('Escape')
    await page.waitForSelector('dialog', { state: 'detached' })
    await press('Control+k')
    await page.keyboard.type('questions')
    await press('Enter')
    await page.waitForSelector('h1 >> text=Questions')
    expect(new URL(page.url()).pathname).toBe('/ui/p/demo/inbox')
  })
})
