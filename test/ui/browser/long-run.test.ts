import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { memoryPersister, rewind } from 'teasel/persistence'
import { fileTracker } from 'teasel/tracking/file'
import { type Project, projectsIn } from 'teasel/ui'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { findChromium } from '../../support/chromium.js'
import { type Deferred, defer } from '../../support/deferred.js'
import { quiet } from '../../support/quiet-logger.js'
import { launch, open, serve } from './rig.js'

const chromium = findChromium()
const kit = defineState<{ n: number; stop: number; name: string }>()
const LAST = 2999

/** A loop of so many steps behind one that names it. */
const graphOf = (stop: number) => {
  const name = kit.action({ reads: [], writes: ['name'], run: () => ({ name: 'long' }) })
  const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
  return kit.graph({
    actions: { name, add },
    transitions: { name: 'add', add: [{ to: 'add', when: ({ state: { n } }) => n < stop }] },
  })
}
const options = { entrypoint: 'name', state: { n: 0 }, logger: quiet } as const

describe.skipIf(chromium === undefined)('a long run, in a browser', () => {
  let browser: Browser
  const dir = mkdtempSync(join(tmpdir(), 'teasel-long-'))
  const closed: (() => unknown)[] = []

  beforeAll(async () => {
    browser = await launch(chromium ?? '')
    await using tracker = fileTracker({ dir, project: 'demo' })
    await createApplication(graphOf(LAST), { ...options, appId: 'long-1', tracker }).run()
  })
  afterEach(async () => {
    for (const close of closed.splice(0).reverse()) await close()
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  /** A page of a run whose requests for steps wait: those for the rest, or those for numbers below a limit. */
  async function openHeld(path: string, hold: { readonly below?: number } = {}, demo?: Project) {
    const rest = defer()
    const pieces = defer()
    const until = ({ pathname, searchParams }: URL): Promise<void> | undefined => {
      if (!pathname.endsWith('/steps')) return undefined
      const from = searchParams.get('from')
      if (from === null) return rest.promise
      return searchParams.has('to') && Number(from) < (hold.below ?? 0) ? pieces.promise : undefined
    }
    const server = await serve(demo === undefined ? projectsIn(dir) : { demo }, 0, until)
    closed.push(() => server.close())
    const { page, faults } = await open(browser, `${server.url}/p/demo/r/${path}`)
    closed.push(() => page.context().close())
    await page.waitForSelector('.row.step')
    return { page, faults, rest, pieces, server }
  }

  const count = (page: Page) => page.textContent('.steps .pane-head .quiet')
  const rowHeight = (page: Page) => page.evaluate("document.querySelector('.steps .rows').offsetHeight")
  /** The first row that is whole in the list, and its distance from the top. */
  const topRow = (page: Page) =>
    page.evaluate(`(() => {
      const { top } = document.querySelector('.steps .scroll').getBoundingClientRect()
      for (const row of document.querySelectorAll('.steps .row')) {
        const px = row.getBoundingClientRect().top - top
        if (px >= 0) return [row.querySelector('.seq')?.textContent, px].join(' at ')
      }
    })()`)
  const scrollTo = (page: Page, px: number) =>
    page.evaluate(`document.querySelector('.steps .scroll').scrollTop = ${px}`)
  /** Lets the rest be read, until there is the number that it gives. */
  async function released(page: Page, rest: Deferred<void>, times = '×2999'): Promise<void> {
    expect(await page.textContent('.graph svg')).not.toContain('×')
    rest.resolve()
    await page.waitForSelector(`.graph svg >> text=${times}`)
  }

  it('has its newest steps at once, with its whole length', async () => {
    const { page, faults, rest } = await openHeld('long-1')

    expect(await page.locator('.row.step .seq').last().textContent()).toBe(`${LAST}`)
    expect(await count(page)).toBe('3,000 steps')
    expect(await rowHeight(page)).toBe(3000 * 28)
    expect(await page.getAttribute('.scrubber input', 'max')).toBe(`${LAST}`)
    await page.waitForSelector('.changes li >> text=n')

    await released(page, rest)
    expect([await count(page), await rowHeight(page)]).toEqual(['3,000 steps', 3000 * 28])
    expect(await page.getAttribute('.scrubber input', 'max')).toBe(`${LAST}`)
    expect(faults).toEqual([])
  })

  it('does not move under a reader while the rest is read', async () => {
    const { page, rest } = await openHeld('long-1')
    await scrollTo(page, 1500 * 28 + 5)
    await page.waitForSelector('.row.step .seq >> text="1510"') // what is on the screen is read first
    const before = await topRow(page)
    expect(before).toMatch(/^150[01] at /)
    expect(await page.locator('.row.unread').count()).toBe(0)

    await released(page, rest)

    expect(await topRow(page)).toBe(before)
  })

  it('does not move when steps come above of which nothing was known', async () => {
    const persister = memoryPersister()
    await createApplication(graphOf(400), { ...options, appId: 'long-2', persister }).run()
    await rewind({ persister, appId: 'long-2', sequenceId: 200 })
    await using app = await resumeOrCreate(graphOf(LAST), { ...options, appId: 'long-2', persister })
    await app.run()
    const { page, rest } = await openHeld('long-2', {}, { persister })
    await scrollTo(page, 1500 * 28 + 5)
    await page.waitForSelector('.row.step .seq >> text="1510"')
    const before = await topRow(page)

    rest.resolve()
    await page.waitForSelector('.steps .pane-head >> text="3,200 steps"') // without those of the first epoch it had 3,000

    expect(await topRow(page)).toBe(before)
    await page.getByRole('button', { name: 'follow' }).click()
    await page.waitForSelector(`.row.step[aria-selected=true] .seq >> text="${LAST}"`)
  })

  it('opens at the step of its address, with its state and who wrote it', async () => {
    const { page, rest } = await openHeld('long-1?step=1500&tab=state')

    expect(await page.textContent('.row[aria-selected=true] .seq')).toBe('1500')
    await page.waitForSelector('.json >> text=1500')
    expect(await page.inputValue('.scrubber input')).toBe('1500')
    await scrollTo(page, 0)
    await page.waitForSelector('.row.step .name >> text=name')
    // A step between these that is not read may have written `name`, too.
    const writers = page.locator('.json button', { hasText: 'by ' })
    await expect.poll(() => writers.allTextContents()).toEqual(['by add #1500'])

    await released(page, rest, '×1500')
    await expect.poll(() => writers.allTextContents()).toEqual(['by add #1500', 'by name #0'])
    await writers.last().click()
    await expect.poll(() => page.textContent('.inspector h2')).toBe('name #0')
  })

  it('goes through time by keys and by its slider before all is read', async () => {
    const { page, rest, pieces } = await openHeld('long-1', { below: 200 })
    await page.locator('.scrubber input').focus()
    await page.keyboard.press('Home')
    await page.waitForSelector('.inspector >> text=Loading step 0')
    expect(await page.locator('.head button', { hasText: 'Fork' }).count()).toBe(0)
    expect(await page.textContent('.row.unread[aria-selected=true] .seq')).toBe('0')
    pieces.resolve()
    await expect.poll(() => page.textContent('.inspector h2')).toBe('name #0')

    await page.locator('.row[aria-selected=true]').press('j')
    await expect.poll(() => page.textContent('.inspector h2')).toBe('add #1')
    expect(new URL(page.url()).searchParams.get('step')).toBe('1')
    await page.waitForSelector('.changes li >> text=n')
    await page.keyboard.press('End')
    await expect.poll(() => page.textContent('.row.step[aria-selected=true] .seq')).toBe(`${LAST}`)
    await page.keyboard.press('.')
    await released(page, rest)
  })

  it('goes to failures that are far from the rows on the screen', async () => {
    const persister = memoryPersister()
    const bad = kit.action({
      ...{ reads: ['n'], writes: ['n'] },
      run({ state: { n } }) {
        if (n % 100 === 50) throw new RangeError('busy')
        return { n: n + 1 }
      },
    })
    const mend = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
    const graph = kit.graph({
      actions: { bad, mend },
      transitions: { bad: [{ to: 'bad', when: ({ state: { n } }) => n < 300 }], mend: 'bad' },
      onError: { bad: 'mend' },
    })
    await using tracker = fileTracker({ dir, project: 'demo' })
    await createApplication(graph, { ...options, entrypoint: 'bad', appId: 'fails-1', persister, tracker }).run()
    const server = await serve(projectsIn(dir))
    closed.push(() => server.close())
    const { page } = await open(browser, `${server.url}/p/demo/r/fails-1`)
    closed.push(() => page.context().close())
    await page.waitForSelector('.row.step')
    const found: (string | null)[] = []
    for (const key of ['f', 'f', 'f', 'f', 'F']) {
      const before = page.url()
      await page.keyboard.press(key)
      await expect.poll(() => page.url()).not.toBe(before)
      const row = page.locator('.row.step[aria-selected=true]')
      found.push(`${await row.getAttribute('data-status')} ${await row.locator('.seq').textContent()}`)
    }
    expect(found).toEqual(['failed 50', 'failed 151', 'failed 252', 'failed 50', 'failed 252'])
  })

  it('tells of a filter that not all is read', async () => {
    const { page, rest } = await openHeld('long-1')
    await page.getByLabel('Filter steps by action or status').fill('name')
    await page.waitForSelector('text=No step that is read so far fits “name”.')
    expect(await count(page)).toBe('200 of 3,000 read')

    await released(page, rest)

    expect(await page.locator('.row.step .name').allTextContents()).toEqual(['name'])
    expect(await count(page)).toBe('3,000 steps')
  })

  it('reads the rest again when the server was away', async () => {
    const { page, server } = await openHeld('long-1')
    await page.waitForSelector('.live[data-live=live]')
    await server.close()
    await page.waitForSelector('.inspector .problem >> text=does not answer')
    expect(await count(page)).toBe('3,000 steps')
    expect(await page.locator('.row.step').count()).toBeGreaterThan(20)

    const again = await serve(projectsIn(dir), server.port)
    closed.push(() => again.close())

    await page.waitForSelector('.graph svg >> text=×2999')
    await expect.poll(() => page.locator('.inspector .problem').count()).toBe(0)
  })
})
