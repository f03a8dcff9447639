import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApplication, defineState, TeaselError } from 'teasel'
import { burrReader, fileReader, fileTracker, LogError } from 'teasel/tracking/file'
import { createUiHandler, projectsIn } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { unlessGone } from '../../src/adapters/file/reading.js'
import { cursorAt } from '../../src/read/cursor.js'
import { call } from '../cli/call.js'
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
        const [told] = await Promise.allSettled([fileReader({ dir }).list()])
        const page = told.status === 'fulfilled' ? told.value : undefined
        const path =
          page === undefined ? (told as PromiseRejectedResult).reason.path : page.faults?.[0]?.error.fields?.['path']
        faults.push([page?.items.map(({ runId }) => runId), path])
        faults.push(
          await fileReader({ dir })
            .describe({ runId: 'run-1' })
            .then((tree) => tree?.run.status)
            .catch((error: unknown) => LogError.is(error) && error.systemCode),
        )
      } finally {
        process.seteuid?.(0)
        chmodSync(path, 0o755)
      }
    }

    expect(faults).toEqual([
      ...[[['run-1'], undefined], 'EACCES'],
      ...[[['run-1'], join(index, readdirSync(index)[0] ?? '')], 'finished'],
      ...[[undefined, join(dir, 'default', 'runs')], 'EACCES'],
    ])
  })

  it('is read when its damage is mended, by the same reader', async () => {
    const dir = await logged()
    const log = logOf(dir)
    const text = readFileSync(log, 'utf8')
    const reader = fileReader({ dir })
    writeFileSync(log, text.slice(1))
    for (const _ of [1, 2])
      await expect(reader.describe({ runId: 'run-1' })).rejects.toMatchObject({ systemCode: 'EBADMSG' })

    writeFileSync(log, text)

    expect((await reader.describe({ runId: 'run-1' }))?.run.status).toBe('finished')
  })

  it.each([
    ['is a folder', 'EISDIR', (file: string) => mkdirSync(file)],
    ['is a link in a circle', 'ELOOP', (file: string) => symlinkSync(file, file)],
    ['has a damaged first line', 'EBADMSG', (file: string) => writeFileSync(file, '{"type":"hea\n{}\n')],
  ])('leaves the other runs in a list, beside the fault: a log %s', async (_, systemCode, make) => {
    const dir = await logged()
    const [bad, other] = ['west@run-2.0.0.jsonl', `~${'0'.repeat(64)}.0.0.jsonl`].map((name) =>
      join(dir, 'default', 'runs', name),
    )
    for (const file of [bad, other]) make(file ?? '')
    const reader = fileReader({ dir })
    const faultOf = (path: string | undefined) => ({
      error: expect.objectContaining({
        name: 'LogError',
        code: 'log',
        fields: { operation: 'read', path, systemCode },
      }),
    })

    const [all, west, own, counts] = [
      await reader.list({ partitionKey: '*', status: 'finished' }),
      await reader.list({ partitionKey: 'west' }),
      await reader.list(),
      await reader.count({ partitionKey: '*' }),
    ]

    expect(all.items.map(({ runId }) => runId)).toEqual(['run-1'])
    const [named, unnamed] = [{ runId: 'run-2', partitionKey: 'west', ...faultOf(bad) }, faultOf(other)]
    expect([all.faults, west.faults, own.faults]).toEqual([[named, unnamed], [named, unnamed], [unnamed]])
    expect(JSON.stringify(all.faults)).not.toContain('stack')
    expect(counts).toEqual({ finished: 1, unreadable: 2 })
    expect(await reader.due({ partitionKey: '*' })).toEqual({ items: [], faults: [named, unnamed] })
    expect((await reader.pending({ partitionKey: '*' })).faults).toEqual([named, unnamed])
    expect((await reader.list({ partitionKey: '*', after: cursorAt('run', [null, 'x', 9e15]) })).faults).toBeUndefined()
    await expect(reader.describe({ runId: 'run-2', partitionKey: 'west' })).rejects.toMatchObject({ systemCode })
    await expect(reader.steps({ runId: 'run-2', partitionKey: 'west' })).rejects.toMatchObject({ systemCode })
    const events = reader.events({ runId: 'run-2', partitionKey: 'west', follow: false })
    await expect(drained(events)).rejects.toMatchObject({ systemCode })
  })

  it('has no effect on a list whose index is damaged, or behind: those logs are read', async () => {
    const dir = await logged()
    const index = join(dir, 'default', 'index')
    const file = join(index, readdirSync(index)[0] ?? '')
    const whole = readFileSync(file, 'utf8')
    const statusOf = async () => (await fileReader({ dir }).list()).items.map(({ status }) => status)
    const [line] = whole.split('\n')
    const running = line?.replace(/"status":"[a-z]+"/, '"status":"running"')
    const statuses = []
    for (const text of [
      `${running}\n{"run":{"runId":"run-1"}}\n`,
      `${running}\n${line?.slice(9)}\n`,
      '\n',
      '{"run":',
    ]) {
      writeFileSync(file, text)
      statuses.push(...(await statusOf()))
    }
    rmSync(index, { recursive: true })
    writeFileSync(index, 'no folder')

    expect(statuses).toEqual(['finished', 'finished', 'finished', 'finished'])
    const page = await fileReader({ dir }).list()
    expect(page.items.map(({ status }) => status)).toEqual(['finished'])
    expect(page.faults).toEqual([
      { error: expect.objectContaining({ fields: { operation: 'read', path: index, systemCode: 'ENOTDIR' } }) },
    ])
    expect(await fileReader({ dir }).count()).toEqual({ finished: 1 })
    expect((await fileReader({ dir }).describe({ runId: 'run-1' }))?.run.status).toBe('finished')
  })

  it('leaves the other parts of a log, whose tree tells the damaged one', async () => {
    const dir = await logged()
    const first = logOf(dir)
    const again = first.replace('.0.0.jsonl', '.1.0.jsonl')
    writeFileSync(again, readFileSync(first, 'utf8').replace('"incarnation":0', '"incarnation":1'))
    writeFileSync(first, readFileSync(first, 'utf8').slice(1))
    const reader = fileReader({ dir })

    const tree = await reader.describe({ runId: 'run-1' })

    expect(tree?.run).toMatchObject({ status: 'finished', incarnation: 1 })
    expect(tree?.lacks).toContain('run-1.0.0.jsonl, whose first line is damaged')
    expect((await reader.steps({ runId: 'run-1' })).items.map(({ action }) => action)).toEqual(['', 'add'])
    expect(await drained(reader.events({ runId: 'run-1', follow: false }))).toBeGreaterThan(3)
  })

  it('leaves the other applications in a list of Burr', async () => {
    const dir = folder()
    for (const id of ['good', 'bad']) {
      mkdirSync(join(dir, 'chat', id), { recursive: true })
      writeFileSync(join(dir, 'chat', id, 'graph.json'), '{}')
    }
    mkdirSync(join(dir, 'chat', 'bad', 'log.jsonl'))
    const reader = burrReader({ dir, project: 'chat' })

    const page = await reader.list()

    expect(page.items.map(({ runId }) => runId)).toEqual(['good'])
    expect(page.faults).toEqual([
      { runId: 'bad', error: expect.objectContaining({ fields: expect.objectContaining({ systemCode: 'EISDIR' }) }) },
    ])
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

  it('is told by the page and by a command beside the list', async () => {
    const dir = await logged()
    mkdirSync(join(dir, 'default', 'runs', 'bad.0.0.jsonl'))
    const ui = createUiHandler({ projects: projectsIn(dir), logger: quiet })

    const answer = await ui(new Request('http://localhost/api/v1/runs?project=default'))
    const ls = await call(['runs', 'ls', '--dir', dir])
    const json = await call(['runs', 'ls', '--dir', dir, '--json'])

    const page = (await answer.json()) as { items: { runId: string }[]; faults: { runId: string }[] }
    expect([page.items.map(({ runId }) => runId), page.faults.map(({ runId }) => runId)]).toEqual([['run-1'], ['bad']])
    expect(ls).toEqual({
      code: 1,
      out: expect.stringContaining('run-1'),
      err: expect.stringMatching(/^✕ bad: ".*bad\.0\.0\.jsonl" cannot be read: it is a folder.*\n$/),
    })
    expect([json.code, JSON.parse(json.out).runId, JSON.parse(json.err).fault.runId]).toEqual([1, 'run-1', 'bad'])
    expect(await call(['pending', '--dir', dir])).toMatchObject({ code: 1, err: expect.stringContaining('bad') })
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
