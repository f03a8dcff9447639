import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApplication, defineState, type Tracker } from 'teasel'
import { fileReader, fileTracker, type GraphPicture } from 'teasel/tracking/file'
import { toMermaid } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'
import { DiskTracker } from '../../src/adapters/file/file-tracker.js'
import { realFs } from '../../src/adapters/file/places.js'
import { graphTextOf } from '../../src/visualize/graph-text.js'
import { pictureOf } from '../../src/visualize/picture-of.js'
import { quiet } from '../support/quiet-logger.js'
import { filesIn, folder, linesOf } from './folders.js'

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })

/** A graph whose map has a graph that has a map, and so on. */
function nested(levels: number, width: number) {
  let inner = kit.graph({ actions: { add } }).runnable({ entrypoint: 'add' })
  for (let level = 0; level < levels; level++) {
    const fan = kit.mapActions({
      reads: ['n'],
      writes: ['n'],
      actions: Object.fromEntries(Array.from({ length: width }, (_, i) => [`b${i}`, inner])),
      reduce: () => ({ n: 0 }),
    })
    inner = kit.graph({ actions: { fan, add }, transitions: { fan: 'add' } }).runnable({ entrypoint: 'fan' })
  }
  return inner
}

const levelsOf = ({ actions }: GraphPicture): number =>
  actions.reduce(
    (most, { branches }) =>
      branches.reduce((deep, { graph }) => Math.max(deep, graph === undefined ? 1 : 1 + levelsOf(graph)), most),
    0,
  )

async function runOnce(tracker: Tracker, appId: string, entrypoint: 'one' | 'two' = 'one') {
  await createApplication(twoSteps, { appId, entrypoint, state: { n: 0 }, tracker }).run()
}
const twoSteps = kit.graph({ actions: { one: add, two: add }, transitions: { one: 'two' } })

describe('the picture of a graph in a folder of logs', () => {
  it('is written once, named by its hash, and found by the summary of a run', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    await runOnce(tracker, 'run-1')
    await runOnce(tracker, 'run-2')

    const reader = fileReader({ dir })
    const { items } = await reader.list()
    const [hash = ''] = items.map(({ graph }) => graph)
    expect(items.map(({ graph }) => graph)).toEqual([hash, hash])
    expect(linesOf(dir)[0]).toMatchObject({ type: 'head', graph: hash })
    expect((await reader.describe({ runId: 'run-2' }))?.run.graph).toBe(hash)
    expect([...filesIn(dir).keys()].filter((name) => name.includes('graphs'))).toEqual([`default/graphs/${hash}.json`])
    const drawn = pictureOf(twoSteps.runnable({ entrypoint: 'one' }))
    expect(await reader.graph(hash)).toEqual(JSON.parse(JSON.stringify(drawn)))
  })

  it('is another one for another entrypoint, and comes back when its file was removed', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    await runOnce(tracker, 'run-1')
    rmSync(join(dir, 'default', 'graphs'), { recursive: true })
    await runOnce(tracker, 'run-2', 'two')
    await runOnce(tracker, 'run-3')

    const reader = fileReader({ dir })
    const hashes = new Set((await reader.list()).items.map(({ graph = '' }) => graph))
    expect(hashes.size).toBe(2)
    for (const hash of hashes) expect((await reader.graph(hash))?.actions).toHaveLength(2)
  })

  it('is given to every tracker, as a graph that can be drawn', async () => {
    const graphs: unknown[] = []
    const drawn: string[] = []
    const tracker: Tracker = {
      begin({ graph }) {
        graphs.push(graph)
        if (graph !== undefined) drawn.push(toMermaid(graph))
      },
      track() {},
    }
    await runOnce(tracker, 'a')
    await runOnce(tracker, 'b')
    expect(graphs[0]).toBe(graphs[1])
    expect(drawn[0]).toBe(toMermaid(twoSteps.runnable({ entrypoint: 'one' })))
  })

  it('is missing in a run whose disk takes no picture, with one warning', async () => {
    const dir = folder()
    const warnings: string[] = []
    const logger = { ...quiet, warn: (text: string) => void warnings.push(text) }
    const fs = {
      ...realFs,
      writeFileSync() {
        throw new RangeError('full')
      },
    }
    await using tracker = new DiskTracker({ dir, logger }, { fs })
    await runOnce(tracker, 'run-1')
    await runOnce(tracker, 'run-2')

    const { items } = await fileReader({ dir }).list()
    expect(items.map(({ status, graph }) => [status, graph])).toEqual([
      ['finished', undefined],
      ['finished', undefined],
    ])
    expect(warnings).toHaveLength(1)
  })

  it('is undefined for a hash without a file, for one that is no hash, and for a broken file', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    await runOnce(tracker, 'run-1')
    const reader = fileReader({ dir })
    const { graph: hash = '' } = (await reader.list()).items[0] ?? {}
    const path = join(dir, 'default', 'graphs', `${hash}.json`)
    expect(existsSync(path)).toBe(true)
    writeFileSync(path, '{')
    writeFileSync(join(dir, 'default', 'secret.json'), '{}')
    for (const one of [hash, 'a'.repeat(52), '../secret', '', '\0']) expect(await reader.graph(one)).toBeUndefined()
  })
})

describe('the text of a graph', () => {
  it('has every level of branches, and the same hash for a graph of the same form', () => {
    const text = graphTextOf(nested(4, 2))
    expect(levelsOf(JSON.parse(text.json) as GraphPicture)).toBe(4)
    expect(graphTextOf(nested(4, 2)).hash).toBe(text.hash)
    expect(graphTextOf(nested(3, 2)).hash).not.toBe(text.hash)
  })

  it('has fewer levels of a graph that grows with each one', () => {
    const { json } = graphTextOf(nested(40, 10))
    expect(json.length).toBeLessThan(1_000_000)
    expect(levelsOf(JSON.parse(json) as GraphPicture)).toBe(2)
  })
})
