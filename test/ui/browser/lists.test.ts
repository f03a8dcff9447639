import { createApplication, defineState } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { quiet } from '../../support/quiet-logger.js'
import { browserSuite, chromium } from './suite.js'

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })

describe.skipIf(chromium === undefined)('lists, in a browser', () => {
  const { dir, show } = browserSuite()
  afterEach(() => vi.useRealTimers())

  async function run(appId: string) {
    await using tracker = fileTracker({ dir, project: 'demo' })
    const options = { appId, entrypoint: 'add', state: { n: 1 }, tracker, logger: quiet } as const
    await createApplication(kit.graph({ actions: { add } }), options).run()
  }

  it('name the demo where there is no run yet', async () => {
    const { page, faults } = await show({ names: async () => [], open: async () => undefined }, '/')
    await page.locator('.empty code').getByText('npx teasel demo').waitFor()
    expect(faults).toEqual([])
  })

  it('download each of the chosen runs as a file', async () => {
    await run('export-1')
    await run('export-2')
    const { page, faults } = await show(projectsIn(dir), '/p/demo?q=export')
    await page.getByLabel('Choose export-1').check()
    await page.getByLabel('Choose export-2').check()
    const names: string[] = []
    page.on('download', (download) => names.push(download.suggestedFilename()))
    await page.getByRole('toolbar').getByRole('button', { name: 'Export' }).click()
    await expect.poll(() => [...names].sort()).toEqual(['export-1.jsonl', 'export-2.jsonl'])
    expect(faults).toEqual([])
  })

  it('copy the id of a run that has a title', async () => {
    const persister = memoryPersister()
    const named = { appId: 'copy-1', title: 'The first one', entrypoint: 'add', state: { n: 1 }, persister } as const
    await createApplication(kit.graph({ actions: { add } }), named).run()
    const { page, faults } = await show({ demo: { persister } }, '/p/demo')
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    const row = page.locator('tr', { hasText: 'The first one' })
    await row.hover()
    await row.getByRole('button', { name: 'Copy id' }).click()
    await row.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe('copy-1')
    expect(faults).toEqual([])
  })

  it('are kept to runs of the last hour, day or week, or to those between two times', async () => {
    const now = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: now - 2 * 3_600_000 })
    await run('time-old')
    vi.useRealTimers()
    await run('time-new')
    const { page, faults, url } = await show(projectsIn(dir), '/p/demo?q=time')
    const names = () => page.locator('.run-name > a').allTextContents()
    await expect.poll(names).toEqual(['time-new', 'time-old'])
    const times = page.getByLabel('Time in which runs were created')
    await times.selectOption('last hour')
    await expect.poll(names).toEqual(['time-new'])
    expect(page.url()).toBe(`${url}/p/demo?q=time&since=hour`)
    await times.selectOption('last day')
    await expect.poll(names).toEqual(['time-new', 'time-old'])

    await page.goto(`${url}/p/demo?q=time&to=${now - 3_600_000}`)
    await expect.poll(names).toEqual(['time-old'])
    await page.getByRole('button', { name: /^until / }).click()
    await expect.poll(names).toEqual(['time-new', 'time-old'])
    expect(faults).toEqual([])
  })

  it('tell beside a run that it has ended, and its last event', async () => {
    await run('ended-1')
    const { page, faults } = await show(projectsIn(dir), '/p/demo/r/ended-1')
    await expect.poll(() => page.textContent('.live')).toMatch(/^○ ended · \d+$/)
    await page.getByRole('link', { name: 'demo' }).click()
    await expect.poll(() => page.textContent('.live')).toBe('● live')
    expect(faults).toEqual([])
  })
})
