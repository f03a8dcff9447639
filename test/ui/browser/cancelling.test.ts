import { createApplication, defineState } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { defer } from '../../support/deferred.js'
import { quiet } from '../../support/quiet-logger.js'
import { browserSuite, chromium } from './suite.js'

const kit = defineState<{ n: number; found: number }>()

/** An action that does not look at its signal: it ends when it is told to. */
function deaf() {
  const [began, end] = [defer(), defer()]
  const action = kit.action({
    reads: ['n'],
    writes: ['found'],
    run: async ({ state }) => {
      began.resolve()
      await end.promise
      return { found: state.n }
    },
  })
  return { action, began: began.promise, end: () => end.resolve() }
}

describe.skipIf(chromium === undefined)('code that ignores its signal, in a browser', () => {
  const { dir, closes, show } = browserSuite()

  it('is named where it was abandoned: at its run, at its step, and in the list', async () => {
    const { action, began, end } = deaf()
    await using tracker = fileTracker({ dir, project: 'demo' })
    const graph = kit.graph({ actions: { listen: action } })
    const start = { entrypoint: 'listen', state: { n: 1 }, tracker, logger: quiet } as const
    const app = createApplication(graph, { ...start, appId: 'deaf-1', graceMs: 1 })
    const run = app.run()
    await began
    app.cancel({ reason: 'too long' })
    await run.catch(() => undefined)
    await createApplication(
      kit.graph({ actions: { listen: kit.action({ reads: [], writes: [], run: () => ({}) }) } }),
      {
        ...start,
        appId: 'hears-1',
      },
    ).run()
    const { page, faults, url } = await show(projectsIn(dir), '/p/demo')

    await page.getByRole('button', { name: 'abandoned code' }).click()
    const rows = page.locator('tbody tr')
    await expect.poll(() => rows.allTextContents()).toEqual([expect.stringMatching(/1 abandoned.*deaf-1/)])
    await page.getByRole('link', { name: 'deaf-1' }).click()
    await page.locator('.head').getByRole('link', { name: '1 abandoned' }).click()
    expect(page.url()).toBe(`${url}/p/demo/r/deaf-1?step=0`)
    await page.waitForSelector('.facts >> text=/abandoned .*: it had not ended \\d+ ms after its cancel/')
    expect(faults).toEqual([])
    end()
  })

  it('is named while its run is cancelled, and the run is told to be cancelling until it is', async () => {
    const { action, began, end } = deaf()
    const persister = memoryPersister()
    const graph = kit.graph({ actions: { listen: action } })
    const start = { appId: 'deaf-2', entrypoint: 'listen', state: { n: 1 }, logger: quiet } as const
    const app = createApplication(graph, { ...start, persister, graceMs: 600_000 })
    closes(() => app[Symbol.asyncDispose]())
    closes(end)
    const run = app.run().catch(() => undefined)
    await began
    const { page, faults } = await show({ demo: { persister, applications: [app] } }, '/p/demo/r/deaf-2')
    const head = page.locator('.head')
    await page.clock.install()
    await head.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel run' }).click()

    await head.getByText('cancelling…').waitFor()
    expect(await head.getByRole('button', { name: 'Cancel' }).count()).toBe(0)
    expect(await head.getByText('has not reacted').count()).toBe(0)
    await page.clock.fastForward(12_000)
    await head.getByText(/cancelling… listen has not reacted to the cancel of 1\d s ago/).waitFor()
    end()
    await run
    await page.waitForSelector('.head .status[data-status=cancelled]')
    await head.getByText('cancelling…').waitFor({ state: 'detached' })
    expect(faults).toEqual([])
  })

  it('is named where one map is cancelled', async () => {
    const { action, began, end } = deaf()
    await using tracker = fileTracker({ dir, project: 'demo' })
    const fan = kit.mapStates({
      ...{ reads: [], writes: ['found'], action, settle: 'collect' },
      states: { Oslo: { n: 0 } },
      reduce: () => ({ found: 0 }),
    })
    const start = { entrypoint: 'fan', state: { n: 1 }, tracker, logger: quiet, graceMs: 600_000 } as const
    const app = createApplication(kit.graph({ actions: { fan } }), { ...start, appId: 'deaf-3' })
    closes(() => app[Symbol.asyncDispose]())
    closes(end)
    const run = app.run().catch(() => undefined)
    await began
    const { page, faults } = await show(
      { demo: { reader: fileReader({ dir, project: 'demo' }), applications: [app] } },
      '/p/demo/r/deaf-3/m/fan',
    )
    const head = page.locator('.head')
    await page.clock.install()
    await head.getByRole('button', { name: 'Cancel map' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel map' }).click()

    await head.getByText('cancelling…').waitFor()
    expect(await head.getByRole('button', { name: 'Cancel map' }).count()).toBe(0)
    await page.clock.fastForward(12_000)
    await head.getByText(/its code has not reacted to the cancel of 1\d s ago/).waitFor()
    end()
    await run
    await head.getByText('cancelling…').waitFor({ state: 'detached' })
    expect(faults).toEqual([])
  })
})
