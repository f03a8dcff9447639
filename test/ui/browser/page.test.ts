import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { memoryPersister } from 'teasel/persistence'
import { type FileTracker, fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium } from '../../support/chromium.js'
import { launch, open, type PageServer, serve } from './rig.js'
import { HOSTILE, openExpense, runAll } from './story.js'

const chromium = findChromium()
const AXE = createRequire(import.meta.url).resolve('axe-core')

describe.skipIf(chromium === undefined)('the page, in a browser', () => {
  let browser: Browser
  let server: PageServer
  let tracker: FileTracker
  let asking: ReturnType<typeof openExpense>
  const dir = mkdtempSync(join(tmpdir(), 'teasel-page-'))

  beforeAll(async () => {
    tracker = fileTracker({ dir, project: 'demo' })
    await runAll(tracker, { branches: 200, steps: 3000 })
    browser = await launch(chromium ?? '')
    const logs = projectsIn(dir)
    const asks = { persister: memoryPersister() }
    asking = openExpense('expense-2', asks)
    void asking.run()
    server = await serve({
      names: async () => [...(await logs.names()), 'asks'],
      open: (name) => (name === 'asks' ? Promise.resolve(asks) : logs.open(name)),
    })
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    await tracker?.dispose()
    await asking?.[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true, force: true })
  })

  const SCREENS: readonly (readonly [name: string, path: string, ready: string])[] = [
    ['projects', '/', '.card h2'],
    ['runs', '/p/demo', 'tbody tr'],
    ['a run', '/p/demo/r/agent-1?step=4', '.graph svg'],
    ['a graph with branches', '/p/demo/r/survey-few', '.graph svg'],
    ['a timeline', '/p/demo/r/survey-few?view=timeline', '.timeline rect'],
    ['lanes with a queue', '/p/demo/r/queue-1?view=timeline', '.timeline rect.queue'],
    ['an outline', '/p/demo/r/survey-few?view=outline&tab=state', '.outline li'],
    ['fields', '/p/demo/r/agent-1?view=data&tab=logs', 'table.data td'],
    ['iterations', '/p/demo/r/agent-1?group=iteration&step=2', '.row.iteration'],
    ['abandoned code', '/p/demo/r/deaf-1?step=0', '.facts .abandoned'],
    ['runs with abandoned code', '/p/demo?leaked=true&since=day&to=9000000000000', 'tbody .chip'],
    ['a product', '/p/demo/r/product-1/m/compare_models?b=11', 'table.product'],
    ['a failed run', '/p/demo/r/hostile-1', '.error-view'],
    ['a map', '/p/demo/r/survey-many/m/multi_prompt_test?b=3', '.mosaic canvas'],
    ['a branch', '/p/demo/r/survey-few?path=multi_prompt_test/meaning%20of%20life', '.graph svg'],
    ['questions', '/p/asks/inbox', '.card form'],
    ['questions of a log', '/p/demo/inbox', '.card .asked'],
    ['a step that waits for an answer', '/p/asks/r/expense-2', '.question form'],
    ['a comparison', '/p/demo/compare?a=agent-1&b=agent-2', '.changes li'],
    ['nothing', '/nowhere', '.empty'],
  ]

  /** What axe finds wrong. */
  async function violations(page: Page): Promise<readonly string[]> {
    await page.evaluate(await import('node:fs/promises').then((fs) => fs.readFile(AXE, 'utf8')))
    const found = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
      'axe.run(document, { resultTypes: ["violations"] }).then((r) => r.violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => ({ html })) })))',
    )
    return found.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)} (${nodes.length})`)
  }

  it.each(SCREENS)('shows %s, without a fault of accessibility in light and dark', async (_, path, ready) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, faults } = await open(browser, `${server.url}${path}`, { colorScheme })
      await page.waitForSelector(ready)
      expect(await violations(page)).toEqual([])
      expect(faults).toEqual([])
      await page.context().close()
    }
  })

  it('shows branches of a map that is the first step', async () => {
    const { page, faults } = await open(browser, `${server.url}/p/demo/r/nested-1?step=0`)
    await page.locator('.row.step button').click()
    await page.locator('.row.branch button').first().click()
    await page.locator('.row[aria-level="3"] button').click()
    await page.waitForSelector('.row[aria-level="4"]')

    expect(await page.locator('.row .name').allTextContents()).toEqual([
      'compare',
      'Lincoln',
      'count',
      '1790',
      '1862',
      '1941',
      'Roosevelt',
    ])
    expect(faults).toEqual([])
    await page.context().close()
  })

  it('shows how long branches were in the queue: hatched in their lanes, and in words', async () => {
    const { page, faults } = await open(browser, `${server.url}/p/demo/r/queue-1?view=timeline`)
    await page.waitForSelector('.timeline .span .queue')
    const titles = await page.locator('.timeline .span:has(.queue) title').allTextContents()

    const waited = titles.filter((title) => /^(blue|cyan|ink|gold), /.test(title))
    expect(waited.length).toBe(4)
    for (const title of waited) expect(title).toMatch(/, done, queued \d+ ms, ran \d+ ms$/)
    expect(await page.textContent('.legend')).toContain('in the queue')
    expect(faults).toEqual([])

    await page.goto(`${server.url}/p/demo/r/queue-1?path=paint/gold`)
    await page.waitForSelector('.head >> text=/queued \\d+ ms, ran \\d+ ms/')
    await page.goto(`${server.url}/p/demo/r/queue-1/m/paint`)
    await page.waitForSelector('.row.branch >> text=/queued \\d+ ms/')
    await page.context().close()
  })

  it('shows what Burr has tracked, marked, and without actions', async () => {
    const files = fileURLToPath(new URL('../../tracking/burr', import.meta.url))
    const own = await serve(projectsIn(files, { kind: 'burr' }))
    const { page, faults } = await open(browser, `${own.url}/`)
    await page.waitForSelector('.card >> text=recorded by Burr · read only')
    await page.getByRole('link', { name: 'chat' }).first().click()
    await page.getByRole('link', { name: 'essay', exact: true }).click()
    await page.waitForSelector('.head >> text=recorded by Burr · read only')
    await page.locator('.row.step').first().click()
    await page.locator('.row.step button.twist').first().click()
    await page.waitForSelector('.row.branch')
    expect(await page.locator('.row.branch .name').allTextContents()).toEqual(['essay-a', 'essay-b'])
    await page.getByRole('tab', { name: 'Spans' }).click()

    await page.waitForSelector('.spans li')
    expect(await page.textContent('.spans')).toContain('tokens')
    expect(await page.locator('.head button', { hasText: /Cancel|Fork/ }).count()).toBe(0)
    expect(await violations(page)).toEqual([])
    expect(faults).toEqual([])
    await page.context().close()
    await own.close()
  })

  it.each([
    ['a small map', '/p/demo/r/survey-few/m/multi_prompt_test'],
    ['a run', '/p/demo/r/agent-1'],
  ])('covers nothing of the picture of %s with its buttons', async (_, path) => {
    for (const width of [1280, 800, 360]) {
      const { page } = await open(browser, `${server.url}${path}`, { viewport: { width, height: 800 } })
      await page.waitForSelector('.graph svg')
      const covered = await page.evaluate(`(() => {
        const tools = document.querySelector('.graph-tools').getBoundingClientRect()
        const shown = document.querySelector('.graph-box').getBoundingClientRect()
        return tools.width === 0 || (tools.bottom > shown.top && tools.top < shown.bottom)
      })()`)
      expect([width, covered]).toEqual([width, false])
      await page.context().close()
    }
  })

  it('shows hostile texts as text', async () => {
    const { page } = await open(browser, `${server.url}/p/demo/r/hostile-1?step=0&tab=state`)
    await page.waitForSelector('.json li')
    for (const tab of ['Diff', 'Logs', 'Error']) await page.getByRole('tab', { name: tab }).click()
    await page.waitForSelector('.graph svg')

    expect(await page.evaluate('[window.hacked, document.querySelectorAll("main img, main script").length]')).toEqual([
      undefined,
      0,
    ])
    await page.getByRole('tab', { name: 'State' }).click()
    expect((await page.textContent('.json'))?.includes(HOSTILE.slice(0, 40))).toBe(true)
    for (const path of ['/p/demo', '/p/demo/compare?a=hostile-1&b=agent-1', '/p/demo/r/hostile-1?step=0&tab=diff']) {
      await page.goto(`${server.url}${path}`)
      await page.waitForSelector('text=u202e')
      const text = (await page.textContent('main')) ?? ''
      expect([path, [...'\u0007\u001b\u202e'].filter((sign) => text.includes(sign))]).toEqual([path, []])
    }
    await page.context().close()
  })

  it('fits a narrow screen', async () => {
    for (const [, path, ready] of SCREENS) {
      const { page } = await open(browser, `${server.url}${path}`, { viewport: { width: 360, height: 720 } })
      await page.waitForSelector(ready, { state: 'attached' })
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, 360])
      await page.context().close()
    }
  })
})
