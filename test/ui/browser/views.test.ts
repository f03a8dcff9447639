import { readFile } from 'node:fs/promises'
import { createApplication, defineState } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { quiet } from '../../support/quiet-logger.js'
import { browserSuite, chromium } from './suite.js'

interface State {
  n: number
  text: string
}
const kit = defineState<State>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const check = kit.action({ reads: ['n'], writes: [], run: () => ({}) })
const end = kit.action({ reads: ['n', 'text'], writes: ['text'], run: ({ state }) => ({ text: `${state.n}` }) })
const loop = kit.graph({
  actions: { begin: check, add, check, end },
  transitions: {
    begin: 'add',
    add: 'check',
    check: [{ to: 'add', when: ({ state }) => state.n < 4 }, { to: 'end' }],
  },
})

describe.skipIf(chromium === undefined)('views of a run, in a browser', () => {
  const { dir, show } = browserSuite()

  async function runLoop(appId: string) {
    await using tracker = fileTracker({ dir, project: 'demo' })
    const options = { appId, entrypoint: 'begin', state: { n: 1, text: '' }, tracker, logger: quiet } as const
    await createApplication(loop, options).run()
  }

  it('group the steps of a loop by iteration, with that of the shown step unfolded', async () => {
    await runLoop('loop-1')
    const { page, faults } = await show(projectsIn(dir), '/p/demo/r/loop-1')
    const rows = () => page.locator('.steps .row .name').allTextContents()
    await expect.poll(rows).toEqual(['begin', 'add', 'check', 'add', 'check', 'add', 'check', 'end'])
    await page.getByRole('button', { name: 'Group by iteration' }).click()
    await expect.poll(rows).toEqual(['begin', 'iteration 1', 'iteration 2', 'iteration 3', 'add', 'check', 'end'])
    await page.getByRole('button', { name: 'Unfold iteration 1' }).click()
    await page.locator('.row.step', { hasText: 'check' }).first().click()
    const first = ['begin', 'iteration 1', 'add', 'check', 'iteration 2', 'iteration 3']
    await expect.poll(rows).toEqual(first)
    await page.reload()
    await expect.poll(rows).toEqual(first)
    expect(faults).toEqual([])
  })

  it('light the actions that read or write a field, where it is pointed at or chosen', async () => {
    await runLoop('lit-1')
    const { page, faults } = await show(projectsIn(dir), '/p/demo/r/lit-1?view=data')
    const lit = () => page.evaluate(`[...document.querySelectorAll('g[data-lit]')].map((g) => g.dataset.path)`)
    await page.locator('table.data tr', { hasText: 'text' }).hover()
    await expect.poll(lit).toEqual(['end'])
    await page.getByRole('heading', { level: 1 }).hover()
    await expect.poll(lit).toEqual([])
    await page.getByRole('button', { name: 'n', exact: true }).click()
    await page.getByRole('heading', { level: 1 }).hover()
    await expect.poll(lit).toEqual(['begin', 'add', 'check', 'end'])
    expect(faults).toEqual([])
  })

  it('have a product as a table of its actions and states', async () => {
    const persister = memoryPersister()
    const fail = kit.action({
      reads: ['n'],
      writes: ['n'],
      run: ({ state }) => {
        if (state.n > 1) throw new RangeError('too much')
        return { n: 0 }
      },
    })
    const both = kit.mapActionsAndStates({
      ...{ reads: [], writes: ['text'], settle: 'collect', actions: { add, fail } },
      states: { Oslo: { n: 1 }, Rome: { n: 2 }, Bern: { n: 3 } },
      reduce: () => ({ text: '' }),
    })
    const options = {
      appId: 'product-1',
      entrypoint: 'both',
      state: { n: 1, text: '' },
      persister,
      logger: quiet,
    } as const
    await createApplication(kit.graph({ actions: { both } }), options).run()
    const { page, faults } = await show({ demo: { persister } }, '/p/demo/r/product-1/m/both')
    const table = page.locator('table.product')
    await expect
      .poll(() => table.locator('th').allTextContents())
      .toEqual(['Action', 'Oslo', 'Rome', 'Bern', 'add', 'fail'])
    const done = ['add, Oslo: done', 'add, Rome: done', 'add, Bern: done', 'fail, Oslo: done']
    for (const name of [...done, 'fail, Rome: failed', 'fail, Bern: failed'])
      expect(await table.getByRole('button', { name, exact: true }).count()).toBe(1)
    expect(await table.getByRole('button').count()).toBe(6)
    await table.getByRole('button', { name: 'fail, Rome' }).click()
    await page.waitForSelector('.chosen >> text=fail.Rome')
    expect(await table.locator('[aria-pressed=true]').count()).toBe(1)
    expect(faults).toEqual([])
  })

  it('tell how long a large value is, and have it as a file', async () => {
    const persister = memoryPersister()
    const long = 'long '.repeat(60_000)
    const options = {
      appId: 'large-1',
      entrypoint: 'add',
      state: { n: 1, text: long },
      persister,
      logger: quiet,
    } as const
    await createApplication(kit.graph({ actions: { add } }), options).run()
    const { page, faults } = await show({ demo: { persister } }, '/p/demo/r/large-1?tab=state')
    await page.locator('.json button', { hasText: 'all 300 kB' }).waitFor()
    const value = page.waitForEvent('download')
    await page.locator('.json').getByRole('button', { name: 'Download' }).click()
    expect(await readFile(await (await value).path(), 'utf8')).toBe(long)

    await page.getByText('Raw', { exact: true }).click()
    const raw = page.locator('details', { hasText: 'Raw' })
    await raw.getByText('The first 200 kB of 300 kB').waitFor()
    const whole = page.waitForEvent('download')
    await raw.getByRole('button', { name: 'Download' }).click()
    expect((await whole).suggestedFilename()).toBe('large-1@0.json')
    expect(JSON.parse(await readFile(await (await whole).path(), 'utf8'))).toEqual({ n: 2, text: long })
    expect(faults).toEqual([])
  })
})
