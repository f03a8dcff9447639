import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { createUiHandler, nodeListener, type UiHandlerOptions } from 'teasel/ui'
import { loadAssets } from '../../../src/ui/assets.js'
import { quiet } from '../../support/quiet-logger.js'

// A browser, and a server of the page for it.

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const launch = (path: string): Promise<Browser> => chromium.launch({ executablePath: path, args: FLAGS })

/** A server of the page under `/ui`. */
export interface PageServer {
  /** `http://127.0.0.1:40123/ui`. */
  readonly url: string
  readonly port: number
  /** Number of streams that are open. */
  streams(): number
  close(): Promise<void>
}

/** @param port that of an earlier server, which was closed @param until awaited before a request is answered */
export async function serve(
  projects: UiHandlerOptions['projects'],
  port = 0,
  until?: (url: URL) => Promise<void> | undefined,
): Promise<PageServer> {
  const handler = createUiHandler({ projects, basePath: '/ui', actions: true, logger: quiet })
  let streams = 0
  const listener = nodeListener(handler)
  const server: Server = createServer((request, response) => {
    if (request.url?.includes('/stream?') === true) {
      streams += 1
      response.once('close', () => {
        streams -= 1
      })
    }
    const held = until?.(new URL(request.url ?? '', 'http://localhost'))
    if (held === undefined) void listener(request, response)
    else
      void held.then(
        () => listener(request, response),
        () => response.destroy(), // as a server that is gone
      )
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const { port: own } = server.address() as AddressInfo
  await loadAssets() // in a checkout they are built when they are first asked for, which a page would wait for
  return {
    url: `http://127.0.0.1:${own}/ui`,
    port: own,
    streams: () => streams,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** A page, and every fault that it had. */
export interface OpenPage {
  readonly page: Page
  readonly faults: string[]
}

export async function open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const faults: string[] = []
  page.on('pageerror', ({ message }) => faults.push(message))
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`${message.text()} ${message.location().url}`)
  })
  await page.goto(url)
  return { page, faults }
}
