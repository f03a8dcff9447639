import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileTracker } from '../../src/adapters/file/index.js'
import { projectsIn } from '../../src/ui/index.js'
import { findChromium } from '../support/chromium.js'
import { launch, open, serve } from '../ui/browser/rig.js'
import { runAll } from '../ui/browser/story.js'
import { ROOT } from './vitest-report.js'

// A picture of every screen of the page, in light and dark, wide and narrow, for people to look at.

/** The name of a picture, the address of its screen, what shows that it is there, and what is clicked before. */
const SCREENS: readonly (readonly [name: string, path: string, ready: string, ...clicks: string[]])[] = [
  ['projects', '/', '.card h2'],
  ['runs', '/p/demo', 'tbody tr'],
  ['runs-none', '/p/demo?q=nothing', '.empty'],
  ['run', '/p/demo/r/agent-1?step=5', '.graph svg'],
  ['run-state', '/p/demo/r/agent-1?step=12&tab=state&view=outline', '.json li'],
  ['run-stream', '/p/demo/r/agent-1?tab=stream&view=data', '.stream'],
  ['run-spans', '/p/demo/r/agent-1?step=2&tab=spans', '.spans li'],
  ['run-long', '/p/demo/r/long-1', '.row.step'],
  ['run-branches', '/p/demo/r/survey-few', '.graph svg', '.row.step button.twist', '.row.branch button.twist'],
  ['run-iterations', '/p/demo/r/agent-1?group=iteration', '.row.iteration'],
  [
    'run-fields',
    '/p/demo/r/agent-1?view=data&tab=state',
    'table.data td',
    'table.data th button',
    '.inspector summary',
  ],
  ['run-abandoned', '/p/demo/r/deaf-1?step=0', '.facts .abandoned'],
  ['runs-abandoned', '/p/demo?leaked=true&since=day', 'tbody .chip'],
  ['product', '/p/demo/r/product-1/m/compare_models?b=11', 'table.product'],
  ['run-failed', '/p/demo/r/hostile-1', '.error-view'],
  ['run-waiting', '/p/demo/r/expense-1', '.graph svg'],
  ['nested', '/p/demo/r/nested-1', '.graph svg', '.row.step button.twist', '.row.branch button.twist'],
  ['timeline', '/p/demo/r/survey-many?view=timeline', '.timeline rect'],
  ['lanes', '/p/demo/r/queue-1?view=timeline', '.timeline rect.queue'],
  ['branch-queued', '/p/demo/r/queue-1?path=paint/gold', '.graph svg'],
  ['branch', '/p/demo/r/survey-few?path=multi_prompt_test/meaning%20of%20life', '.graph svg'],
  ['map', '/p/demo/r/survey-many/m/multi_prompt_test?b=17', '.mosaic canvas', '.attention summary'],
  ['map-few', '/p/demo/r/survey-few/m/multi_prompt_test', '.graph svg'],
  ['questions', '/p/demo/inbox', '.card .asked'],
  ['compare', '/p/demo/compare?a=agent-1&b=agent-2', '.changes li'],
  ['open', '/?open=file', '.empty'],
  ['missing', '/p/demo/r/nobody', '.empty'],
  ['help', '/p/demo', 'tbody tr', '[aria-label=Keys]'],
  ['palette', '/p/demo', '.live[data-live=live]', '.top button'],
  ['fork', '/p/demo/r/agent-1?step=5', '.graph svg', '.head button'],
]

const chromium = findChromium()
if (chromium === undefined) throw new TypeError('Pictures of the page take chromium. Give its path in TEASEL_CHROMIUM.')
const out = join(ROOT, '.cache/screenshots')
rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
const only = process.argv[2]
const dir = mkdtempSync(join(tmpdir(), 'teasel-screens-'))
const tracker = fileTracker({ dir, project: 'demo' })
await runAll(tracker, { branches: 400, steps: 2000 })
const server = await serve(projectsIn(dir))
const browser = await launch(chromium)
const looks = [
  ['light', 1440],
  ['dark', 1440],
  ['light', 360],
] as const
for (const [colorScheme, width] of looks) {
  for (const [name, path, ready, ...clicks] of SCREENS) {
    if (only !== undefined && !name.startsWith(only)) continue
    const { page, faults } = await open(browser, `${server.url}${path}`, {
      colorScheme,
      viewport: { width, height: 860 },
    })
    try {
      await page.waitForSelector(ready, { state: 'attached' })
      if (width > 800)
        for (const click of clicks)
          await page
            .locator(click)
            .nth(click.startsWith('.row') ? -1 : 0)
            .click()
      await page.waitForTimeout(700)
      await page.screenshot({ path: join(out, `${name}-${colorScheme}-${width}.png`) })
    } catch (error) {
      faults.push(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
    }
    for (const fault of faults) console.log(`${name} ${colorScheme} ${width}: ${fault}`)
    await page.context().close()
  }
}
console.log(out)
await browser.close()
await server.close()
await tracker.dispose()
rmSync(dir, { recursive: true, force: true })
process.exit(0)
