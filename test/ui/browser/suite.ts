import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import type { UiHandlerOptions } from 'teasel/ui'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { findChromium } from '../../support/chromium.js'
import { launch, type OpenPage, open, type PageServer, serve } from './rig.js'

export const chromium = findChromium()

/** One browser and one folder for a suite; what a test opens is closed after it, the last first. */
export interface BrowserSuite {
  /** A folder of logs. */
  readonly dir: string
  /** Has this called after the test. */
  closes(close: () => unknown): void
  /** A server of the page, for one test. */
  serve(...given: Parameters<typeof serve>): Promise<PageServer>
  /** A page of its own, for one test. */
  open(url: string, options?: BrowserContextOptions): Promise<OpenPage>
  /** A page of a server of its own. @param path below that of the server */
  show(projects: UiHandlerOptions['projects'], path: string): Promise<OpenPage & { readonly url: string }>
}

/** Called in a `describe` that is skipped where there is no browser. */
export function browserSuite(): BrowserSuite {
  let browser: Browser
  const dir = mkdtempSync(join(tmpdir(), 'teasel-browser-'))
  const closing: (() => unknown)[] = []
  beforeAll(async () => {
    browser = await launch(chromium ?? '')
  })
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const suite: BrowserSuite = {
    dir,
    closes: (close) => void closing.push(close),
    async serve(...given) {
      const server = await serve(...given)
      suite.closes(() => server.close())
      return server
    },
    async open(url, options) {
      const opened = await open(browser, url, options)
      suite.closes(() => opened.page.context().close())
      return opened
    },
    async show(projects, path) {
      const { url } = await suite.serve(projects)
      return { ...(await suite.open(`${url}${path}`)), url }
    },
  }
  return suite
}
