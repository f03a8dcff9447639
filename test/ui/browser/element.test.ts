import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { createApplication, defineMessage, defineState, type } from 'teasel'
import { fileTracker } from 'teasel/tracking/file'
import { createUiHandler, nodeListener, projectsIn } from 'teasel/ui'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium } from '../../support/chromium.js'
import { quiet } from '../../support/quiet-logger.js'
import { folder } from '../../tracking/folders.js'
import { launch, open } from './rig.js'

const chromium = findChromium()
const MODULE = fileURLToPath(new URL('../../../src/adapters/element/index.ts', import.meta.url))

const PAGE = `<!doctype html><title>A page of one's own</title><link rel="icon" href="data:,">
<script type="module">
import { defineRunGraph } from '/element.js'
defineRunGraph()
</script>
<main><run-graph src="/ui" run="a"></run-graph></main>`

const kit = defineState<{ n: number }>()
const go = defineMessage('go', type<number>())

/** The module of the element, as a browser loads it. */
async function built(): Promise<string> {
  const made = await build({ entryPoints: [MODULE], bundle: true, format: 'esm', platform: 'browser', write: false })
  return made.outputFiles[0]?.text ?? ''
}

describe.skipIf(chromium === undefined)('the element of a run, in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch(chromium ?? '')
  })
  afterAll(() => browser?.close())

  it('draws its run, follows it, and has no stream once it is removed', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const ask = kit.action({
      reads: ['n'],
      writes: ['n'],
      run: async ({ context }) => ({ n: (await context.receiveOne(go)).body }),
    })
    const graph = kit.graph({ actions: { ask } })
    const app = createApplication(graph, { appId: 'a', entrypoint: 'ask', state: { n: 0 }, tracker, logger: quiet })
    const run = app.run()
    tracker.flush()
    const handler = createUiHandler({ projects: projectsIn(dir), basePath: '/ui', logger: quiet })
    const listener = nodeListener(handler)
    const module = await built()
    const server = createServer((request, response) => {
      if (request.url === '/element.js') response.setHeader('content-type', 'text/javascript').end(module)
      else if (request.url === '/') response.setHeader('content-type', 'text/html').end(PAGE)
      else void listener(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { page, faults } = await open(browser, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)

    await page
      .locator('run-graph g[data-path=ask][data-status=waiting], run-graph g[data-path=ask][data-status=running]')
      .waitFor()
    await expect.poll(() => handler.watched, { timeout: 20_000 }).toBe(1)
    await app.send(go(1))
    await run
    await page.locator('run-graph g[data-path=ask][data-status=done]').waitFor()
    await page.evaluate(`document.querySelector('run-graph').remove()`)
    await expect.poll(() => handler.watched, { timeout: 20_000 }).toBe(0)

    expect(faults).toEqual([])
    await page.context().close()
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }, 60_000)
})
