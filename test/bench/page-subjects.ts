import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Browser, Page } from 'playwright-core'
import { createApplication, defineState } from 'teasel'
import { fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { findChromium } from '../support/chromium.js'
import { launch, open, type PageServer, serve } from '../ui/browser/rig.js'

// A browser that looks at large runs, and at one that another thread pours events into.

const kit = defineState<{ n: number; stop: number; items: number }>()

/** A browser with a page's server over a folder of logs. */
export interface Desk {
  readonly browser: Browser
  readonly server: PageServer
  readonly dir: string
  close(): Promise<void>
}

/** Undefined where no browser is found. */
export async function openDesk(): Promise<Desk | undefined> {
  const path = findChromium()
  if (path === undefined) return undefined
  const dir = mkdtempSync(join(tmpdir(), 'teasel-page-bench-'))
  const server = await serve(projectsIn(dir))
  const browser = await launch(path)
  return {
    ...{ browser, server, dir },
    async close() {
      await browser.close()
      await server.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A run of so many steps, as a log. */
export async function longRun(dir: string, stop: number): Promise<void> {
  const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
  const graph = kit.graph({
    actions: { add },
    transitions: { add: [{ to: 'add', when: ({ state }) => state.n < state.stop }] },
  })
  await using tracker = fileTracker({ dir, project: 'bench' })
  await createApplication(graph, { appId: 'long', entrypoint: 'add', state: { n: 0, stop }, tracker }).run()
}

/** A map of so many branches, as a log; a few of them fail. */
export async function wideRun(dir: string, items: number): Promise<void> {
  const work = kit.action({
    reads: ['n'],
    writes: ['n'],
    run({ state: { n } }) {
      if (n % 500 === 7) throw new RangeError('too many requests')
      return { n: n + 1 }
    },
  })
  const map = kit.mapStates({
    reads: ['items'],
    writes: ['n'],
    action: work,
    settle: 'collect',
    concurrency: 64,
    *states({ state }) {
      for (let n = 0; n < state.items; n++) yield { n }
    },
    reduce: ({ results }) => ({ n: results.length }),
  })
  await using tracker = fileTracker({ dir, project: 'bench' })
  const graph = kit.graph({ actions: { map } })
  await createApplication(graph, { appId: 'wide', entrypoint: 'map', state: { items }, tracker }).run()
}

/** A thread of its own that writes events to a log: a step and nine lines each ten milliseconds, when it is told to. */
export async function pourer(dir: string): Promise<Worker> {
  const worker = new Worker(new URL('page-pourer.mjs', import.meta.url), { workerData: { dir } })
  await once(worker, 'message')
  return worker
}

/** A page of a run, with its own measurements on. */
export async function openRun({ browser, server }: Desk, path: string): Promise<Page> {
  const { page } = await open(browser, `${server.url}/p/bench/r/${path}`)
  await page.evaluate(`(() => {
    globalThis.longest = 0
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration)
    }).observe({ type: 'longtask' })
  })()`)
  return page
}

/** The longest task since the page is observed, milliseconds; 0 if none took 50. */
export const longestTask = async (page: Page): Promise<number> => Number(await page.evaluate('globalThis.longest'))

/** The heap of a page after a collection, in MB. */
export async function heapOf(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  return usedSize / 1_000_000
}

/** Times of frames while something is done, milliseconds. */
export async function framesDuring(page: Page, work: () => Promise<void>): Promise<readonly number[]> {
  await page.evaluate(`(() => {
    globalThis.frames = []
    let last
    const next = (time) => {
      if (last !== undefined) globalThis.frames.push(time - last)
      last = time
      if (globalThis.frames.at(-1) !== null) requestAnimationFrame(next)
    }
    requestAnimationFrame(next)
  })()`)
  await work()
  return (await page.evaluate('globalThis.frames')) as readonly number[]
}

/** Milliseconds from the moment at which a step was committed to its frame in the page, for so many steps. */
export async function delaysOf(page: Page, worker: Worker, count: number): Promise<readonly number[]> {
  let seen: ((at: number) => void) | undefined
  await page.exposeFunction('rowSeen', (at: number) => seen?.(at))
  await page.evaluate(`(() => {
    let shown = document.querySelectorAll('.row.step').length
    new MutationObserver(() => {
      const now = document.querySelectorAll('.row.step').length
      if (now > shown) rowSeen(Date.now())
      shown = now
    }).observe(document.querySelector('.steps'), { subtree: true, childList: true })
  })()`)
  const delays: number[] = []
  for (let i = 0; i < count; i++) {
    const shown = new Promise<number>((resolve) => {
      seen = resolve
    })
    const told = once(worker, 'message')
    worker.postMessage('step')
    const [at] = (await told) as [number]
    delays.push((await shown) - at)
    await pause(150) // the next one falls into another batch
  }
  return delays
}
