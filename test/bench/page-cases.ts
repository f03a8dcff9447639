import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Case, Measured } from './case.js'

/** The page is built from its sources, so its cases run from theirs, in a process of their own. */
const inBrowser = (name: string) => async (): Promise<Measured> => {
  const root = process.env['TEASEL_BENCH_ROOT'] ?? ''
  const program = join(root, 'test/bench/page-program.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', program, name], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(await text(child.stdout)) as Measured
}

/** The page, in a browser. */
export const pageCases: readonly Case[] = [
  { name: 'page.open', unit: 'ms, 10 000 steps', target: 1_000, run: inBrowser('page.open') },
  { name: 'page.event', unit: 'ms to the screen', target: 250, run: inBrowser('page.event') },
  { name: 'page.task', unit: 'ms, longest', target: 100, run: inBrowser('page.task') },
  { name: 'page.heap', unit: 'MB, 60 000 events', target: 150, run: inBrowser('page.heap') },
  { name: 'page.frame', unit: 'ms, p95, 20 000', target: 50, run: inBrowser('page.frame') },
]
