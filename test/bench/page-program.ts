import { once } from 'node:events'
import type { Measured } from './case.js'
import { median } from './measure.js'
import {
  type Desk,
  delaysOf,
  framesDuring,
  heapOf,
  longestTask,
  longRun,
  openDesk,
  openRun,
  pourer,
  wideRun,
} from './page-subjects.js'

// Measures the page in a browser, from its sources, and prints what it finds as JSON: by the clock, so a busy machine shows.

const onDesk = (run: (desk: Desk) => Promise<Measured>) => async (): Promise<Measured> => {
  const desk = await openDesk()
  if (desk === undefined) return { samples: [], baseline: 0, skipped: 'no browser is found' }
  try {
    return await run(desk)
  } finally {
    await desk.close()
  }
}

const opened = onDesk(async (desk) => {
  await longRun(desk.dir, 10_000)
  const samples: number[] = []
  await fetch(desk.server.url) // builds the page
  for (let i = 0; i < 5; i++) {
    const start = performance.now()
    const page = await openRun(desk, 'long')
    await page.waitForSelector('.row.step')
    await page.waitForSelector('.graph svg')
    samples.push(performance.now() - start)
    await page.context().close()
  }
  return { samples, baseline: 0 }
})

const SECONDS = 60
/** A page of a run for a minute, at a thousand events a second. */
async function pourOnce(): Promise<{ readonly longest: number; readonly heap: number } | undefined> {
  const desk = await openDesk()
  if (desk === undefined) return undefined
  const worker = await pourer(desk.dir)
  try {
    const page = await openRun(desk, 'live')
    await page.waitForSelector('.row.step')
    worker.postMessage({ seconds: SECONDS })
    await once(worker, 'message') // the first slow step behind the fast ones, or the first fast one
    await page.waitForTimeout(SECONDS * 1_000)
    const steps = Number((await page.textContent('.steps .pane-head .quiet'))?.replace(/\D/g, ''))
    if (steps < SECONDS * 60)
      throw new RangeError(`The page shows ${steps} steps; a thousand events a second are more.`)
    return { longest: await longestTask(page), heap: await heapOf(page) }
  } finally {
    await worker.terminate()
    await desk.close()
  }
}

const ofPouring = (value: 'longest' | 'heap') => async (): Promise<Measured> => {
  const measured = await pourOnce()
  if (measured === undefined) return { samples: [], baseline: 0, skipped: 'no browser is found' }
  return { samples: [measured[value]], baseline: 0 }
}

const delay = onDesk(async (desk) => {
  const worker = await pourer(desk.dir)
  try {
    const page = await openRun(desk, 'live')
    await page.waitForSelector('.row.step')
    await page.waitForSelector('.live[data-live=live]')
    const samples = await delaysOf(page, worker, 21)
    return { samples: samples.slice(1), baseline: 0 }
  } finally {
    await worker.terminate()
  }
})

const wide = onDesk(async (desk) => {
  await wideRun(desk.dir, 20_000)
  const page = await openRun(desk, 'wide/m/map')
  await page.waitForSelector('.mosaic canvas')
  const frames = await framesDuring(page, async () => {
    await page.locator('.mosaic canvas').focus()
    for (let i = 0; i < 60; i++) await page.keyboard.press(i % 3 === 0 ? 'ArrowDown' : 'ArrowRight')
    for (let i = 0; i < 60; i++) await page.mouse.wheel(0, 400)
  })
  const sorted = [...frames].sort((a, b) => a - b)
  return { samples: [sorted[Math.floor(sorted.length * 0.95)] ?? 0], baseline: median(sorted) * 1_000 }
})

const runs: Readonly<Record<string, () => Promise<Measured>>> = {
  'page.open': opened,
  'page.event': delay,
  'page.task': ofPouring('longest'),
  'page.heap': ofPouring('heap'),
  'page.frame': wide,
}
console.log(JSON.stringify(await runs[process.argv[2] ?? '']?.()))
process.exit()
