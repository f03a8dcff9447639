import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'
import { END } from './ends.js'
import { LogJudge } from './log-judge.js'
import { readStores } from './store.js'

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
const graph = kit.graph({
  actions: { add },
  transitions: { add: [{ to: 'add', when: ({ state: { n } }) => n < 4 }] },
})

/** A run of four steps with a log, which a test spoils. */
async function logged(spoil: (lines: string[]) => readonly string[]) {
  const dir = folder()
  const file = join(dir, 'store.db')
  {
    await using persister = sqlitePersister({ file })
    await using tracker = fileTracker({ dir })
    const app = createApplication(graph, {
      ...{ appId: 'chaos', entrypoint: 'add', state: { n: 0 }, persister, tracker, logger: quiet },
    })
    await app.run()
  }
  const log = join(dir, 'default', 'runs', 'chaos.0.0.jsonl')
  writeFileSync(log, spoil(readFileSync(log, 'utf8').split('\n')).join('\n'))
  const said: string[] = []
  const say = (text: string): void => void said.push(text)
  const judge = new LogJudge({ dir, file, savesEach: true, random: () => 0, say })
  return { judge, said, held: await readStores([file]), log, dir, file }
}
const done = { code: END.done, killed: false, stopped: false, lived: { state: { n: 4 }, borders: 0 } }
const killed = { code: null, killed: true, stopped: false, lived: undefined }
const isStep = (line: string): boolean => line.includes('"type":"step.end"')

describe('the judge of logs', () => {
  it('finds nothing in the log of a run, and nothing in one whose end is torn by a kill', async () => {
    const whole = await logged((lines) => lines)
    expect([await whole.judge.look(done, whole.held), whole.said]).toEqual([0, []])
    const torn = await logged((lines) => [...lines.slice(0, 12), '{"type":"step.'])
    expect([await torn.judge.look(killed, torn.held), torn.said]).toEqual([0, []])
  })

  it('finds a step that is missing, once', async () => {
    const { judge, held, said } = await logged((lines) => lines.filter((line, i) => !isStep(line) || i < 12))
    expect(await judge.look(done, held)).toBeGreaterThan(0)
    expect(said.join()).toContain('is missing')
    expect(await judge.look(done, held)).toBe(0)
  })

  it('finds a commit that the store lacks', async () => {
    const { judge, held, said, log } = await logged((lines) => lines)
    const step = readFileSync(log, 'utf8').split('\n').findLast(isStep) ?? ''
    const more = JSON.stringify({ ...(JSON.parse(step) as object), seq: 99, sequenceId: 4 })
    appendFileSync(log, `${more}\n`)
    expect(await judge.look(killed, held)).toBeGreaterThan(0)
    expect(said.join()).toContain('step 4 of chaos, and the store ends with 3')
  })

  it('finds a torn line in the middle, and at the end of a process that was not killed', async () => {
    const middle = await logged((lines) => lines.map((line, i) => (i === 5 ? line.slice(0, 20) : line)))
    expect(await middle.judge.look(killed, middle.held)).toBeGreaterThan(0)
    expect(middle.said.join()).toContain('line 6 of')
    const end = await logged((lines) => lines.slice(0, -1))
    expect(await end.judge.look(done, end.held)).toBeGreaterThan(0)
    expect(end.said.join()).toContain('the last line of')
  })

  it('finds the state of a log whose last step was told to the store only', async () => {
    const { judge, said, dir, file } = await logged((lines) => [...lines.slice(0, lines.findLastIndex(isStep)), ''])
    expect([await judge.look(killed, await readStores([file])), said]).toEqual([0, []])
    {
      await using persister = sqlitePersister({ file })
      await using tracker = fileTracker({ dir })
      const settings = {
        appId: 'chaos',
        entrypoint: 'add',
        state: { n: 0 },
        persister,
        tracker,
        logger: quiet,
      } as const
      await (await resumeOrCreate(graph, settings)).run()
    }
    const reader = fileReader({ dir })
    expect(await reader.state({ runId: 'chaos' })).toEqual({ n: 4 })
    expect(await reader.state({ runId: 'chaos', sequenceId: 3 })).toEqual({ n: 4 })
    const { items } = await reader.steps({ runId: 'chaos' })
    expect(items.map(({ sequenceId, status }) => [sequenceId, status]).slice(-2)).toEqual([
      [2, 'done'],
      [3, 'interrupted'],
    ])
    expect([await judge.look(done, await readStores([file])), said]).toEqual([0, []])
  })
})
