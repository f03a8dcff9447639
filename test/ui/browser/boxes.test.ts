import type { Page } from 'playwright-core'
import { createApplication, defineMessage, defineState, type as typeOf } from 'teasel'
import { type FileTracker, fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Deferred, defer } from '../../support/deferred.js'
import { quiet } from '../../support/quiet-logger.js'
import { type PageServer, serve } from './rig.js'
import { HOSTILE } from './story.js'
import { browserSuite, chromium } from './suite.js'

const PATIENT = { timeout: 20_000 }

const kit = defineState<{ n: number; done: number }>()
const go = defineMessage('go', typeOf<number>())
const prepare = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const wait = kit.action({
  reads: ['n'],
  writes: ['n'],
  run: async ({ state, context }) => {
    if (state.n === 3) throw new RangeError('the third one fails')
    return { n: (await context.receiveOne(go)).body }
  },
})
const branch = kit
  .graph({ actions: { prepare, wait }, transitions: { prepare: 'wait' } })
  .runnable({ entrypoint: 'prepare' })

/** A run whose map has a branch for each key that it is given. */
function running(tracker: FileTracker, appId: string) {
  const keys: string[] = []
  let more: Deferred<void> = defer()
  let isOver = false
  const each = kit.mapStates({
    reads: ['n'],
    writes: ['done'],
    settle: 'collect',
    action: branch,
    async *states() {
      for (let i = 0; ; i++) {
        while (i === keys.length && !isOver) await more.promise
        if (i === keys.length) return
        yield [{ n: i }, { key: keys[i] ?? '' }]
      }
    },
    reduce: ({ results }) => ({ done: results.length }),
  })
  const graph = kit.graph({ actions: { prepare, each, end: prepare }, transitions: { prepare: 'each', each: 'end' } })
  const app = createApplication(graph, {
    ...{ appId, entrypoint: 'prepare', state: { n: 0, done: 0 }, tracker, logger: quiet },
  })
  const run = app.run()
  const wake = (): void => {
    const before = more
    more = defer()
    before.resolve()
  }
  return {
    app,
    add(...added: readonly string[]): void {
      keys.push(...added)
      wake()
    },
    async cancel(): Promise<void> {
      isOver = true
      wake()
      app.cancel({ reason: 'the test is over' })
      await run.catch(() => undefined)
    },
  }
}

const letters = (n: number): readonly string[] => [...'abcdefghijklm'].slice(0, n)

describe.skipIf(chromium === undefined)('the boxes of branches, in a browser', () => {
  const { dir, closes, open } = browserSuite()
  let server: PageServer
  let tracker: FileTracker

  beforeAll(async () => {
    tracker = fileTracker({ dir, project: 'demo' })
    server = await serve(projectsIn(dir))
  })
  afterAll(async () => {
    await server?.close()
    await tracker?.dispose()
  })

  async function shown(appId: string, keys: readonly string[]) {
    const run = running(tracker, appId)
    closes(() => run.cancel())
    run.add(...keys)
    const { page, faults } = await open(`${server.url}/p/demo/r/${appId}`, {
      viewport: { width: 1280, height: 900 },
    })
    await page.waitForSelector('.live[data-live=live]')
    return { run, page, faults }
  }

  const boxes = (page: Page): Promise<readonly string[]> =>
    page.evaluate(`[...document.querySelectorAll('.graph g[data-path]')].map((g) => g.dataset.path)`)
  const branchesOf = async (page: Page): Promise<readonly string[]> =>
    (await boxes(page)).filter((path) => path.split('/').length === 2)
  const focused = (page: Page): Promise<readonly [string | undefined, number]> =>
    page.evaluate(
      `[document.activeElement.closest('g')?.dataset.path, document.activeElement.getBoundingClientRect().top]`,
    )

  it('have their own status, sign and name, and open their branch', async () => {
    const { page, faults } = await shown('own', ['a', HOSTILE, 'c'])
    await expect.poll(() => branchesOf(page), PATIENT).toHaveLength(3)
    await page.waitForSelector('g[data-path="each/a"][data-status="waiting"]')
    await page.waitForSelector('g[data-path="each/c"][data-status="failed"]')

    expect(await page.locator('g[data-path="each/c"] > text').textContent()).toBe('✕ c')
    expect(await page.locator('g[data-path="each/c"] > rect').getAttribute('aria-label')).toBe(
      'c, branch 3 of 3, failed',
    )
    expect(await page.evaluate('[window.hacked, document.querySelectorAll("main img, main script").length]')).toEqual([
      undefined,
      0,
    ])
    await page.locator('g[data-path="each/a/wait"] > text').first().click()
    await expect.poll(() => page.url(), PATIENT).toContain('path=each%2Fa')
    await page.waitForSelector('g[data-path="each/a/wait"]')
    await page.goBack()
    await page.waitForSelector('g[data-path="each/c"]')

    await page.locator('.graph rect[tabindex="0"]').focus()
    for (let i = 0; i < 20 && !(await focused(page))[0]?.startsWith('each/<img'); i++)
      await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await expect.poll(() => new URL(page.url()).searchParams.get('path')?.startsWith('each/<img'), PATIENT).toBe(true)
    await page.waitForSelector('g[data-path$="/wait"][data-status="waiting"]')
    expect(faults).toEqual([])
  })

  it('come one by one, and become one for all with the thirteenth', async () => {
    const { run, page, faults } = await shown('grows', letters(2))
    await expect.poll(() => branchesOf(page), PATIENT).toEqual(['each/a', 'each/b'])
    await page.getByRole('button', { name: 'Larger' }).click()
    await page.locator('g[data-path="each/b"] > rect').focus()
    const [, top] = await focused(page)

    run.add(...letters(12).slice(2))
    await expect.poll(() => branchesOf(page), PATIENT).toHaveLength(12)
    const grown = await focused(page)
    expect(grown[0]).toBe('each/b')
    expect(Math.abs(grown[1] - top)).toBeLessThan(2)

    run.add('m')
    await expect.poll(() => branchesOf(page), PATIENT).toEqual(['each/*'])
    expect((await focused(page))[0]).toBe('each')
    await page.waitForSelector('g[data-path="each/*"] >> text=each branch × N')
    expect(faults).toEqual([])
  })

  it('are on the screen of their map', async () => {
    const { page, faults } = await shown('map', letters(3))
    await page.goto(`${server.url}/p/demo/r/map/m/each`)
    await page.waitForSelector('section[aria-label="Each branch"] g[data-path="each/b"][data-status="waiting"]')
    await page.locator('g[data-path="each/b"] > text').click()

    await expect.poll(() => page.url(), PATIENT).toContain('path=each%2Fb')
    expect(faults).toEqual([])
  })
})
