import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createApplication, defineMessage, defineState, type } from 'teasel'
import { fileReader, fileTracker, LogError, removeLog } from 'teasel/tracking/file'
import { createUiHandler, projectsIn } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { placesIn } from '../../src/adapters/file/places.js'
import { finishRemovals } from '../../src/adapters/file/removal.js'
import { call } from '../cli/call.js'
import { quiet } from '../support/quiet-logger.js'
import { filesIn, folder } from './folders.js'

const kit = defineState<{ n: number; text: string }>()
const answer = defineMessage('answer', type<string>())
const LARGE = 'x'.repeat(100_000)
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
const graph = kit.graph({ actions: { add } })

/** Records a run. */
async function record(dir: string, appId: string, text = ''): Promise<void> {
  await using tracker = fileTracker({ dir })
  await createApplication(graph, { appId, entrypoint: 'add', state: { n: 0, text }, tracker, logger: quiet }).run()
}

const runsIn = (dir: string): string => join(dir, 'default', 'runs')
const idsIn = async (dir: string): Promise<readonly string[]> =>
  (await fileReader({ dir }).list()).items.map(({ runId }) => runId).sort()

/** A log of three parts, the last of which is a folder: no process can remove it. */
async function stuck(): Promise<{ readonly dir: string; readonly folder: string }> {
  const dir = folder()
  await record(dir, 'a')
  await record(dir, 'other')
  cpSync(join(runsIn(dir), 'a.0.0.jsonl'), join(runsIn(dir), 'a.0.1.jsonl'))
  const last = join(runsIn(dir), 'a.1.0.jsonl')
  mkdirSync(last)
  return { dir, folder: last }
}

describe('a log', () => {
  it('is in no list where it was removed in part, and is removed by the next call', async () => {
    const { dir, folder: last } = await stuck()

    const error: unknown = await removeLog({ dir, runId: 'a' }).catch((one: unknown) => one)
    const page = await fileReader({ dir }).list()
    const tree = await fileReader({ dir }).describe({ runId: 'a' })
    rmdirSync(last)
    writeFileSync(last, '')
    const again = [await removeLog({ dir, runId: 'a' }), await removeLog({ dir, runId: 'a' })]

    expect(LogError.is(error) && [error.path, error.operation, error.systemCode]).toEqual([last, 'remove', 'EISDIR'])
    expect(String(error)).toMatch(/cannot be removed: it is a folder, not a file \(EISDIR\)\. Move it away/)
    expect([page.items.map(({ runId }) => runId), page.faults, tree]).toEqual([['other'], undefined, undefined])
    expect(again).toEqual([true, false])
    expect(readdirSync(runsIn(dir))).toEqual(['other.0.0.jsonl'])
  })

  it('is removed whole by a tracker that starts later, where its removal was cut off; a new one of its name stays', async () => {
    const dir = folder()
    await record(dir, 'a')
    const first = join(runsIn(dir), 'a.0.0.jsonl')
    cpSync(first, join(runsIn(dir), 'a.0.1.jsonl'), { preserveTimestamps: true })
    renameSync(first, `${first}.removed`)
    const cutOff = await idsIn(dir)
    await record(dir, 'a')

    expect([cutOff, await idsIn(dir)]).toEqual([[], ['a']])
    await finishRemovals(placesIn(dir, 'default'))
    expect(readdirSync(runsIn(dir))).toHaveLength(1)
    expect(await idsIn(dir)).toEqual(['a'])
  })

  it.skipIf(process.getuid?.() !== 0)('stays whole where this process may not change its folder', async () => {
    const dir = folder()
    await record(dir, 'a')
    chmodSync(dir, 0o755)
    process.seteuid?.('nobody')
    const error: unknown = await removeLog({ dir, runId: 'a' }).catch((one: unknown) => one)
    process.seteuid?.(0)

    expect(String(error)).toMatch(
      /^LogError: ".*a\.0\.0\.jsonl" cannot be removed: this process may not change its folder \(EACCES\)\. Give its user the right to write there\.$/,
    )
    expect(await idsIn(dir)).toEqual(['a'])
  })

  it('keeps a large value where another log cannot be read, and loses it with the last log that names it', async () => {
    const dir = folder()
    for (const id of ['a', 'b', 'c']) await record(dir, id, LARGE)
    const blobs = () => [...filesIn(join(dir, 'default', 'blobs')).keys()].length
    const bad = join(runsIn(dir), 'bad.0.0.jsonl')
    mkdirSync(bad)
    await removeLog({ dir, runId: 'a' })
    await removeLog({ dir, runId: 'b' })
    const kept = blobs()
    rmSync(bad, { recursive: true })
    await removeLog({ dir, runId: 'c' })

    expect([kept, blobs()]).toEqual([1, 0])
  })

  it('that cannot be read holds back no other one of a retention', async () => {
    const { dir } = await stuck()
    const warned: unknown[] = []
    const logger = { ...quiet, warn: (_: string, error?: unknown) => void warned.push(error) }
    {
      await using tracker = fileTracker({ dir, retention: { runs: 1 }, logger })
      await createApplication(graph, { appId: 'new', entrypoint: 'add', state: { n: 0, text: '' }, tracker }).run()
    }
    expect(await idsIn(dir)).toEqual(['new'])
    expect(warned).toEqual([])
    expect(existsSync(join(runsIn(dir), 'other.0.0.jsonl'))).toBe(false)
  })

  it('is gone where one of its large values cannot be removed: the page and the command tell which', async () => {
    const dir = folder()
    for (const id of ['a', 'b']) await record(dir, id, `${id} ${LARGE}`)
    const blobs = [...filesIn(join(dir, 'default', 'blobs')).keys()].map((path) => join(dir, 'default', 'blobs', path))
    for (const path of blobs) {
      rmSync(path)
      mkdirSync(path)
    }
    const ui = createUiHandler({ projects: projectsIn(dir), logger: quiet, actions: true })
    const headers = { 'content-type': 'application/json', origin: 'http://localhost' }

    const answer = await ui(
      new Request('http://localhost/api/v1/runs/a?project=default', { method: 'DELETE', headers, body: '{}' }),
    )
    const rm = await call(['runs', 'rm', 'b', '--dir', dir])

    expect([answer.status, await answer.json()]).toEqual([
      503,
      { error: { code: 'unavailable', message: expect.stringMatching(/blobs.* cannot be removed: it is a folder/) } },
    ])
    expect(rm).toMatchObject({ code: 1, err: expect.stringMatching(/blobs.* cannot be removed: it is a folder/) })
    expect(await idsIn(dir)).toEqual([])
  })
})

describe('a log that is removed while it is read', () => {
  /** A run that waits, and its log so far. */
  async function waiting() {
    const dir = folder()
    const tracker = fileTracker({ dir, logger: quiet })
    const ask = kit.action({
      reads: [],
      writes: ['text'],
      run: async ({ context }) => ({ text: (await context.receiveOne(answer)).body }),
    })
    const app = createApplication(kit.graph({ actions: { ask } }), {
      ...{ appId: 'a', entrypoint: 'ask', state: { n: 0 }, tracker, logger: quiet },
    })
    const run = app.run()
    const end = async () => {
      await app.send(answer('x'))
      await run
      await tracker[Symbol.asyncDispose]()
    }
    return { dir, end }
  }

  it('ends its events, also where another log of the same name has begun since', async () => {
    for (const again of [false, true]) {
      const { dir, end } = await waiting()
      const seen: string[] = []
      for await (const { type } of fileReader({ dir }).events({ runId: 'a' })) {
        seen.push(type)
        if (type !== 'wait') continue
        await removeLog({ dir, runId: 'a' })
        if (again) await record(dir, 'a')
      }
      expect(seen).toEqual(['run.start', 'step.start', 'wait'])
      await end()
    }
  })

  it('is described as the one that has begun since, by a reader that had read it', async () => {
    const dir = folder()
    const reader = fileReader({ dir })
    const read = async () => {
      const tree = await reader.describe({ runId: 'a' })
      const from = (await reader.state({ runId: 'a', sequenceId: -1 })) as { readonly text: string }
      return [from.text, tree?.run.createdAt, tree?.asOf.seq, tree?.lacks] as const
    }
    await record(dir, 'a', 'first')
    const before = await read()
    for (const text of ['again', 'a longer one than before'.repeat(20), 'x']) {
      await removeLog({ dir, runId: 'a' })
      await record(dir, 'a', text)
      const after = await read()
      expect(after).toEqual([
        text,
        (await fileReader({ dir }).describe({ runId: 'a' }))?.run.createdAt,
        before[2],
        before[3],
      ])
    }
  })
})
