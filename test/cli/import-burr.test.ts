import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createApplication } from 'teasel'
import { burrReader, fileReader, fileTracker } from 'teasel/tracking/file'
import { afterAll, describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'
import { call, callJson, temporaryFolder } from './call.js'
import { sum } from './fixtures/several.js'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())
const samples = fileURLToPath(new URL('../tracking/burr', import.meta.url))

let folders = 0
/** A copy of the files of Burr, and an empty folder for logs. */
function places(): { readonly from: string; readonly to: string; readonly chat: string } {
  const place = join(folder.path, String(folders++))
  const from = join(place, 'burr')
  cpSync(samples, from, { recursive: true })
  return { from, to: join(place, 'logs'), chat: join(from, 'chat') }
}

interface Told {
  readonly runId: string
  readonly outcome: string
  readonly faults: readonly string[]
}

const imported = async (from: string, to: string, ...more: readonly string[]): Promise<Record<string, string>> => {
  const { out } = await call(['import', 'burr', from, '--dir', to, '--json', ...more])
  const told = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Told)
  return Object.fromEntries(told.map(({ runId, outcome }) => [runId, outcome]))
}

/** All files of a folder, with their content. */
function contentOf(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  return Object.fromEntries(
    files.map((one) => {
      const file = join(one.parentPath, one.name)
      return [file, readFileSync(file, 'utf8')]
    }),
  )
}

const NEW = { asks: 'new', cut: 'new', essay: 'new', forked: 'new', halted: 'new', new: 'empty' }

describe('teasel import burr', () => {
  it('makes logs that a reader has as it has the files of Burr', async () => {
    const { from, to } = places()
    const before = contentOf(from)
    expect(await imported(from, to)).toEqual(NEW)
    const [logs, burr] = [fileReader({ dir: to, project: 'chat' }), burrReader({ dir: from, project: 'chat' })]

    for (const [runId, partitionKey] of [['essay'], ['forked'], ['halted'], ['cut'], ['asks', 'ada']] as const) {
      const ref = { runId, partitionKey: partitionKey ?? null }
      const [one, other] = [await logs.describe(ref), await burr.describe(ref)]
      const { status, createdAt, sequenceId, pending, error, forkedFrom } = other?.run ?? {}
      expect(one?.run).toMatchObject({
        status,
        createdAt,
        sequenceId,
        pending,
        ...(error && { error: { name: error.name, message: error.message } }),
        ...(forkedFrom && { forkedFrom }),
      })
      const facts = async (reader: Pick<typeof burr, 'steps'>) =>
        (await reader.steps(ref)).items
          .filter(({ placed }) => placed === undefined)
          .map(({ action, status: is, startedAt, endedAt, inputs }) => ({
            action,
            is,
            startedAt,
            endedAt,
            inputs,
          }))
      expect(await facts(logs)).toEqual(await facts(burr))
      expect(await logs.state(ref)).toEqual(await burr.state(ref))
    }
    const { items } = await logs.branches({ runId: 'essay', map: 'compare', visit: 1 })
    expect(items).toMatchObject([
      { key: 'essay-a', status: 'done' },
      { key: 'essay-b', status: 'failed', error: { name: 'ValueError' } },
    ])
    expect(await logs.state({ runId: 'essay', path: 'compare/essay-a' })).toEqual({ answer: 'long' })
    expect((await logs.pending({ partitionKey: '*' })).items).toMatchObject([{ runId: 'asks' }])
    expect(contentOf(from)).toEqual(before)
  })

  it('H2 writes nothing again, and then only the run that has changed', async () => {
    const { from, to, chat } = places()
    await imported(from, to)
    const before = contentOf(to)
    expect(await imported(from, to)).toEqual({
      ...Object.fromEntries(Object.keys(NEW).map((id) => [id, 'same'])),
      new: 'empty',
    })
    expect(contentOf(to)).toEqual(before)

    const begin = {
      type: 'begin_entry',
      start_time: '2026-03-01T11:00:00.000000',
      action: 'write',
      inputs: {},
      sequence_id: 1,
    }
    appendFileSync(join(chat, 'halted', 'log.jsonl'), `${JSON.stringify(begin)}\n`)
    expect(await imported(from, to)).toMatchObject({ halted: 'changed', essay: 'same' })
    const items = (await fileReader({ dir: to, project: 'chat' }).steps({ runId: 'halted' })).items
    expect(items.flatMap(({ action, placed }) => (placed === undefined ? [action] : []))).toEqual(['compare', 'write'])
  })

  it('tells what it would do, and writes nothing', async () => {
    const { from, to } = places()

    expect(await imported(from, to, '--dry-run')).toEqual(NEW)
    expect(() => readdirSync(to)).toThrow('ENOENT')
  })

  it('H1 leaves a log that a tracker has written', async () => {
    const { from, to } = places()
    await using tracker = fileTracker({ dir: to, project: 'chat', logger: quiet })
    await createApplication(sum, { appId: 'essay', entrypoint: 'add', state: { n: 1 }, tracker }).run({
      inputs: { by: 1 },
    })
    await tracker.flush()
    const before = contentOf(join(to, 'chat', 'runs'))
    const { code, err } = await call(['import', 'burr', from, '--dir', to])

    expect(code).toBe(1)
    expect(err).toContain('✕ essay has a log that is no import.')
    expect(contentOf(join(to, 'chat', 'runs'))).toMatchObject(before)
  })

  it('H3 tells of each file that cannot be read, and imports the others', async () => {
    const { from, to, chat } = places()
    rmSync(join(chat, 'cut', 'log.jsonl'))
    mkdirSync(join(chat, 'cut', 'log.jsonl'))
    writeFileSync(join(chat, 'halted', 'metadata.json'), '{')
    appendFileSync(join(chat, 'essay-a', 'log.jsonl'), 'torn')
    const { code, out, err } = await call(['import', 'burr', from, '--dir', to])

    expect(code).toBe(1)
    expect(out).toMatch(/✕ failed +chat +cut/)
    expect(out).toMatch(/✓ new +chat +essay/)
    expect(err).toMatch(/! cut .*EISDIR/)
    expect(err).toContain('! halted metadata.json is no JSON.')
    expect(err).toMatch(/! essay Line \d+ of essay-a\/log.jsonl cannot be read\./)
  })

  it('writes a large value to a file of its own', async () => {
    const { from, to, chat } = places()
    const end = {
      type: 'end_entry',
      end_time: '2026-03-01T10:00:03.000000',
      action: 'compare',
      result: {},
      sequence_id: 0,
      exception: null,
      state: { text: 'x'.repeat(100_000) },
    }
    appendFileSync(join(chat, 'halted', 'log.jsonl'), `${JSON.stringify(end)}\n`)
    await imported(from, to)

    expect(await fileReader({ dir: to, project: 'chat' }).state({ runId: 'halted' })).toEqual({
      text: 'x'.repeat(100_000),
    })
  })

  it('K2 keeps the order of steps whose clock went back', async () => {
    const { from, to, chat } = places()
    const at = (time: string): string => `2026-03-01T${time}.000000`
    const lines = [
      { type: 'begin_entry', start_time: at('10:00:05'), action: 'one', inputs: {}, sequence_id: 0 },
      { type: 'end_entry', end_time: at('10:00:02'), action: 'one', exception: null, state: { n: 1 }, sequence_id: 0 },
      { type: 'begin_entry', start_time: at('10:00:03'), action: 'two', inputs: {}, sequence_id: 1 },
      { type: 'end_entry', end_time: at('10:00:09'), action: 'two', exception: null, state: { n: 2 }, sequence_id: 1 },
    ]
    writeFileSync(join(chat, 'halted', 'log.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    await imported(from, to)
    const text = readFileSync(join(to, 'chat', 'runs', 'halted.0.0.jsonl'), 'utf8')
    const events = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { seq?: number; time: number; source?: string })
    const times = events.filter(({ seq }) => seq !== undefined).map(({ time }) => time)

    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(events.flatMap(({ source }) => source ?? [])).toEqual(['one', 'one', 'two', 'two'])
  })

  it('opens by the other commands, and refuses a folder without runs', async () => {
    const { from, to } = places()
    await imported(from, to, '--project', 'chat')
    expect(await callJson(['runs', 'ls', '--dir', to, '--partition', '*'])).toHaveLength(5)
    expect(await call(['import', 'burr', folder.path])).toMatchObject({
      code: 1,
      err: expect.stringContaining('no runs of Burr'),
    })
    expect((await call(['import', 'burr', from, '--dir', to, '--project', 'none'])).err).toContain('project "none"')
  })
})
