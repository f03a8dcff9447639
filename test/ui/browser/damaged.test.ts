import { createApplication, defineState } from 'teasel'
import { fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { quiet } from '../../support/quiet-logger.js'
import { browserSuite, chromium } from './suite.js'

const kit = defineState<{ n: number; day: Date }>()
const note = kit.action({
  reads: ['n'],
  writes: ['day'],
  run: ({ context }) => {
    context.log('noted')
    return { day: new Date(86_400_000) }
  },
})

describe.skipIf(chromium === undefined)('a file with values that are none, in a browser', () => {
  const { dir, show } = browserSuite()

  /** The page with an export of a run, each line of which may be changed. */
  async function dropped(appId: string, change: (line: string) => string) {
    await using tracker = fileTracker({ dir, project: 'demo' })
    const graph = kit.graph({ actions: { note } })
    await createApplication(graph, { appId, entrypoint: 'note', state: { n: 1 }, tracker, logger: quiet }).run()
    const opened = await show(projectsIn(dir), '/?open=file')
    const text = await (await fetch(`${opened.url}/api/v1/runs/${appId}/export?project=demo`)).text()
    const buffer = Buffer.from(text.split('\n').map(change).join('\n'))
    await opened.page.setInputFiles('input[type=file]', { name: 'run.jsonl', mimeType: 'text/plain', buffer })
    return opened
  }

  it('has invalid dates in the places of times that are none', async () => {
    const { page, faults } = await dropped('dates-1', (line) =>
      line
        .replaceAll(/"v":86400000/g, '"v":1e99')
        .replaceAll(/"(startedAt|endedAt|updatedAt|createdAt|time)":\d+/g, '"$1":-1e99'),
    )
    await page.getByRole('tab', { name: 'State' }).click()
    await page.waitForSelector('.json >> text=an invalid date')
    expect(await page.textContent('.facts time')).toBe('an invalid date')
    await page.getByRole('tab', { name: 'Logs' }).click()
    await page.waitForSelector('.logs time >> text=an invalid date')
    await page.getByRole('tab', { name: 'Timeline' }).click()
    await page.waitForSelector('.timeline')
    expect(faults).toEqual([])
  })

  it('tells that a screen cannot be drawn, and draws the next one', async () => {
    const { page, faults } = await dropped('forms-1', (line) => line.replaceAll('"action":"note"', '"action":{}'))
    await page.getByRole('heading', { name: 'This screen cannot be drawn' }).waitFor()
    await page.getByRole('alert').first().waitFor()
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('heading', { name: 'This screen cannot be drawn' }).waitFor()
    await page.locator('main').getByRole('link', { name: 'All projects' }).click()
    await page.waitForSelector('.card >> text=demo')
    expect(await page.getByRole('heading', { name: 'This screen cannot be drawn' }).count()).toBe(0)
    expect(faults).toEqual([])
  })
})
