import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApplication, defineState, TeaselError } from 'teasel'
import { burrReader, fileReader, fileTracker, LogError } from 'teasel/tracking/file'
import { createUiHandler, projectsIn } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { unlessGone } from '../../src/adapters/file/reading.js'
import { quiet } from '../support/quiet-logger.js'
import { folder } from './folders.js'

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
const graph = kit.graph({ actions: { add } })

/** A folder with the log of one run. */
async function logged(): Promise<string> {
  const dir = folder()
  await using tracker = fileTracker({ dir })
  await createApplication(graph, { appId: 'run-1', entrypoint: 'add', state: { n: 0 }, tracker }).run()
  return dir
}

/** The file of the log. */
const logOf = (dir: string): string => {
  const runs = join(dir, 'default', 'runs')
  return join(runs, readdirSync(runs)[0] ?? '')
}

async function drained(events: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of events) count += 1
  return count
}

const READS = ['list', 'count', 'due', 'pending', 'describe', 'steps', 'state', 'events'] as const
const readAll = (reader: ReturnType<typeof fileReader | typeof burrReader>) =>
  Promise.allSettled([
    ...[reader.list(), reader.count(), reader.due(), reader.pending()],
    ...[reader.describe({ runId: 'run-1' }), reader.steps({ runId: 'run-1' }), reader.state({ runId: 'run-1' })],
    drained(reader.events({ runId: 'run-1', follow: false })),
  ])

/** The faults of every read; undefined for one that answers. */
async function faultsOf(reader: ReturnType<typeof fileReader | typeof burrReader>) {
  const answers = await readAll(reader)
  return Object.fromEntries(
    READS.map((name, i) => {
      const answer = answers[i]
      const error: unknown = answer?.status === 'rejected' ? answer.reason : undefined
      return [name, error === undefined ? undefined : LogError.is(error) ? error.systemCode : String(error)]
    }),
  )
}

const all = (code: string) => Object.fromEntries(READS.map((name) => [name, code]))

describe('what the system refuses to a reader', () => {
  it('is a LogError with the place, the reason and a remedy: dir is a file', async () => {
    const dir = join(folder(), 'logs')
    writeFileSync(dir, 'no folder')

    expect(await faultsOf(fileReader({ dir }))).toEqual(all('ENOTDIR'))
    expect(await faultsOf(burrReader({ dir, project: 'chat' }))).toEqual(all('ENOTDIR'))
    const error: unknown = await fileReader({ dir })
      .list()
      .catch((one: unknown) => one)
    expect(error).toBeInstanceOf(TeaselError)
    expect(error).toMatchObject({
      code: 'log',
      path: expect.stringContaining(dir),
      systemCode: 'ENOTDIR',
      cause: { code: 'ENOTDIR' },
    })
    expect(String(error)).toBe(
      `LogError: "${(error as LogError).path}" cannot be read: a part of its path is a file, not a folder (ENOTDIR). Give the folder that the tracker writes to as dir.`,
    )
  })

  it.each([
    [
      'a log is a folder',
      'EISDIR',
      (file: string) => {
        rmSync(file)
        mkdirSync(file)
      },
    ],
    [
      'a log is a link in a circle',
      'ELOOP',
      (file: string) => {
        rmSync(file)
        symlinkSync(file, file)
      },
    ],
  ])('is one where %s', async (_, code, spoil) => {
    const dir = await logged()
    spoil(logOf(dir))

    const faults = await faultsOf(fileReader({ dir }))

    expect(faults).toMatchObject({ describe: code, steps: code, state: code, events: code })
    expect(Object.values(faults).filter((fault) => fault !== undefined && fault !== code)).toEqual([])
  })

  it.skipIf(process.getuid?.() !== 0)('is one where a log, an index or a folder may not be read', async () => {
    const dir = await logged()
    const index = join(dir, 'default', 'index')
    const faults = []
    for (const path of [logOf(dir), join(index, readdirSync(index)[0] ?? ''), join(dir, 'default', 'runs')]) {
      chmodSync(dir, 0o755)
      chmodSync(path, 0)
      process.seteuid?.('nobody')
      try {
        faults.push(
          await fileReader({ dir })
            .list()
            .catch((error: unknown) => LogError.is(error) && error.path),
        )
        faults.push(
          await fileReader({ dir })
            .describe({ runId: 'run-1' })
            .catch((error: unknown) => LogError.is(error) && error.systemCode),
        )
      } finally {
        process.seteuid?.(0)
        chmodSync(path, 0o755)
      }
    }

    expect(faults.slice(1, 2)).toEqual(['EACCES'])
    expect(faults[2]).toBe(join(index, readdirSync(index)[0] ?? ''))
    expect(faults.slice(4)).toEqual([join(dir, 'default', 'runs'), 'EACCES'])
  })

  it.each(['EMFILE', 'EACCES', 'EIO', 'EWHAT'])('names a remedy: %s', async (code) => {
    const fault = Object.assign(new Error(code), { code, syscall: 'open' })
    const read = unlessGone('/logs/a.jsonl', () => Promise.reject(fault))

    await expect(read).rejects.toMatchObject({ code: 'log', systemCode: code, cause: fault })
    await expect(read).rejects.toThrow(/^"\/logs\/a\.jsonl" cannot be read: .+ \(E[A-Z]+\)\. [A-Z].+\.$/)
  })

  it('is nothing of a file that is gone, and no LogError of a fault that is not the system', async () => {
    const gone = Object.assign(new Error('gone'), { code: 'ENOENT', syscall: 'open' })
    const other = Object.assign(new RangeError('other'), { code: 'ERR_OUT_OF_RANGE' })

    expect(await unlessGone('x', () => Promise.reject(gone))).toBeUndefined()
    await expect(unlessGone('x', () => Promise.reject(other))).rejects.toBe(other)
    expect(await burrReader({ dir: folder(), project: 'chat' }).describe({ runId: 'a'.repeat(300) })).toBeUndefined()
  })

  it('is told by the page', async () => {
    const dir = await logged()
    const log = logOf(dir)
    rmSync(log)
    mkdirSync(log)
    const ui = createUiHandler({ projects: projectsIn(dir), logger: quiet })

    const answer = await ui(new Request('http://localhost/api/v1/runs/run-1?project=default'))

    expect([answer.status, await answer.json()]).toEqual([
      503,
      { error: { code: 'unavailable', message: expect.stringContaining(`"${log}" cannot be read: it is a folder`) } },
    ])
  })
})
