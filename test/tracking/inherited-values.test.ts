import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createApplication, defineState, type Tracker } from 'teasel'
import { encodeEvent, type WireEvent } from 'teasel/codec'
import { memoryPersister } from 'teasel/persistence'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'
import { filesIn, folder } from './folders.js'

interface Doc {
  doc: string
  list: readonly string[]
  item: number
  out: string
  outs: unknown[]
}
const kit = defineState<Doc>()
const doc = 'long '.repeat(4000)
const list = Array.from({ length: 500 }, (_, i) => `item ${i}`)

/** Branches that have two large values from their parent; some of them change one, some fail before their first step. */
const program = (count: number) => {
  const look = kit.action({
    reads: ['doc', 'item'],
    writes: ['out', 'doc'],
    run({ state: { item, ...state } }) {
      if (item % 5 === 4) throw new RangeError('no')
      return { out: `${item}`, doc: item % 5 === 3 ? `${state.doc}${item}` : state.doc }
    },
  })
  const again = kit.action({ reads: ['out'], writes: ['out'], run: ({ state }) => ({ out: `${state.out}!` }) })
  const branch = kit
    .graph({ actions: { look, again }, transitions: { look: 'again' } })
    .runnable({ entrypoint: 'look' })
  const wide = kit.mapStates({
    ...{ reads: ['doc', 'list'], writes: ['outs'], action: branch, settle: 'collect' },
    states: () => Object.fromEntries(Array.from({ length: count }, (_, item) => [`b${item}`, { item }])),
    reduce: ({ results }) => ({ outs: results.map(({ status }) => status) }),
  })
  return kit.graph({ actions: { wide }, transitions: {} })
}

const run = async (dir: string, count: number, more: { readonly stored?: boolean; readonly seen?: unknown[] } = {}) => {
  await using files = fileTracker({ dir })
  const tracker: Tracker = {
    begin: (run) => files.begin?.(run),
    track(event) {
      if (event.type === 'step.end' || event.type === 'branch.settled') more.seen?.push(bare(encodeEvent(event)))
      files.track(event)
    },
  }
  await createApplication(program(count), {
    ...{ appId: 'run-1', entrypoint: 'wide', state: { doc, list }, tracker, logger: quiet },
    ...(more.stored === true && { persister: memoryPersister() }),
  }).run()
}

/** An event without the id of its run: a log has that of the application. */
const bare = ({ runId: _, ...rest }: WireEvent) => rest

const bytesIn = (dir: string): number => [...filesIn(dir).values()].reduce((sum, { length }) => sum + length, 0)

describe('large values that branches have from their parent', () => {
  for (const stored of [false, true])
    it(`are written once, and read in each branch (${stored ? 'with' : 'without'} a store)`, async () => {
      const [dir, seen] = [folder(), [] as unknown[]]
      await run(dir, 100, { stored, seen })
      // One branch in five has a text of its own.
      expect(bytesIn(dir)).toBeLessThan(25 * doc.length + 100 * 3000)
      const reader = fileReader({ dir })
      for (const [item, out] of [
        [0, '0!'],
        [1, '1!'],
        [98, '98!'],
      ] as const)
        expect(await reader.state({ runId: 'run-1', path: `wide/b${item}` })).toEqual({
          ...{ doc: item % 5 === 3 ? `${doc}${item}` : doc, list, item, out },
        })
      const read = []
      for await (const event of reader.events({ runId: 'run-1', follow: false, types: ['step.end', 'branch.settled'] }))
        read.push(bare(event))
      expect(read).toEqual(seen)
    })

  it('make a log that grows with the number of branches, not with that and the size of the state', async () => {
    const [few, many] = [folder(), folder()]
    await run(few, 5)
    await run(many, 50)
    const text = (dir: string) => filesIn(dir).get('default/runs/run-1.0.0.jsonl')?.length ?? 0
    // One in five changes the text: its patch has it whole.
    expect((text(many) - text(few)) / 45).toBeLessThan(3000 + doc.length / 5)
  })

  it('leave a state unknown when their file is gone', async () => {
    const dir = folder()
    await run(dir, 10)
    const reader = fileReader({ dir })
    const at = (item: number) => reader.state({ runId: 'run-1', path: `wide/b${item}` })
    expect(await at(1)).toMatchObject({ doc })
    for (const [path] of filesIn(dir)) if (path.includes('/blobs/')) rmSync(join(dir, path))
    expect(await at(0)).toMatchObject({ doc }) // the first branch has them whole
    expect(await at(1)).toBeUndefined()
    expect((await reader.describe({ runId: 'run-1' }))?.run.status).toBe('finished')
  })
})
