import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { SOURCE_ARGUMENTS } from '../support/built/arguments.js'
import { ROOT } from '../tools/vitest-report.js'

/** An instance in a process of its own. */
interface Instance {
  readonly child: ChildProcess
  readonly url: string
  /** Lines that it has printed. */
  readonly lines: string[]
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }>
}

const folder = mkdtempSync(join(tmpdir(), 'teasel-backend-'))
const children = new Set<ChildProcess>()
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'close')
    }
    children.delete(child)
  }
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** @param ms times of the refund, and of its leases */
async function start(store: string, ms: { research: number; coolOff: number; lease?: number }): Promise<Instance> {
  const env = {
    ...process.env,
    DATABASE_URL: '',
    DATABASE_FILE: join(folder, store),
    PORT: '0',
    RESEARCH_MS: String(ms.research),
    COOL_OFF_MS: String(ms.coolOff),
    LEASE_MS: String(ms.lease ?? 1_000),
  }
  const child = spawn(process.execPath, [...SOURCE_ARGUMENTS, 'examples/17-backend.ts'], { cwd: ROOT, env })
  children.add(child)
  const lines: string[] = []
  const errors: string[] = []
  child.stderr.on('data', (text) => errors.push(String(text)))
  const port = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line)
      const [, found] = /^Listening at .*:(\d+)$/.exec(line) ?? []
      if (found !== undefined) resolve(found)
    })
    child.once('close', () => reject(new Error(`The instance ended: ${errors.join('')}`)))
  })
  const url = `http://127.0.0.1:${port}`
  return {
    child,
    url,
    lines,
    async call(method, path, body) {
      const sent = body === undefined ? {} : { body: JSON.stringify(body) }
      const response = await fetch(url + path, { method, ...sent })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    },
  }
}

interface Frame {
  readonly id: string | undefined
  readonly event: string
  readonly data: string
}

/** Reads the frames of a run until one fits, or until the stream ends. */
async function watch(at: Instance, runId: string, fits: (frame: Frame) => boolean, after?: string): Promise<Frame[]> {
  const headers: Record<string, string> = after === undefined ? {} : { 'last-event-id': after }
  const response = await fetch(`${at.url}/runs/${runId}/events`, { headers })
  const frames: Frame[] = []
  let text = ''
  const decoder = new TextDecoder()
  for await (const part of response.body ?? []) {
    text += decoder.decode(part as Uint8Array, { stream: true })
    const whole = text.split('\n\n')
    text = whole.pop() ?? ''
    for (const one of whole) {
      const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(one)?.[1]
      const event = field('event')
      if (event === undefined) continue // a comment
      frames.push({ id: field('id'), event, data: field('data') ?? '' })
      if (fits({ id: field('id'), event, data: field('data') ?? '' })) return frames
    }
  }
  return frames
}

const polled = { timeout: 15_000, interval: 50 }
const statusOf = async (at: Instance, runId: string): Promise<unknown> => {
  const { body } = await at.call('GET', `/runs/${runId}`)
  return (body['run'] as { status?: string } | undefined)?.status
}
const questionOf = async (at: Instance, runId: string): Promise<string | undefined> => {
  const { body } = await at.call('GET', '/pending')
  return (body['items'] as { id: string; runId: string }[]).find((one) => one.runId === runId)?.id
}
const paid = (instances: Instance[], order: string): number =>
  instances.flatMap(({ lines }) => lines).filter((line) => line.endsWith(`for order ${order}.`)).length

describe('the backend, two instances on one store', () => {
  it('goes on in the other instance after a kill, and is answered and cancelled through either', async () => {
    const a = await start('killed.db', { research: 60_000, coolOff: 300 })
    const order = { order: '7', amount: 120, customer: 'ann' }
    const created = await a.call('POST', '/runs', order)
    const again = await a.call('POST', '/runs', order)
    expect([created.status, again.status, created.body['runId']]).toEqual([201, 200, 'refund-7'])

    // Live events where the run is held, from a position on.
    const isSecond = ({ event, data }: Frame): boolean => event === 'chunk' && data.includes('payments')
    const live = await watch(a, 'refund-7', isSecond)
    const position = live.at(-1)?.id
    const more = await watch(a, 'refund-7', ({ event, data }) => event === 'chunk' && data.includes('fraud'), position)
    expect(live[0]?.event).toBe('tree')
    expect(more.filter(isSecond)).toEqual([])

    const b = await start('killed.db', { research: 300, coolOff: 300 })
    const elsewhere = await watch(b, 'refund-7', ({ event }) => event === 'tree')
    expect(JSON.parse(elsewhere[0]?.data ?? '')).toMatchObject({ run: { status: 'running' } })
    a.child.kill('SIGKILL')
    await expect.poll(() => questionOf(b, 'refund-7'), polled).toBeTypeOf('string')

    const c = await start('killed.db', { research: 300, coolOff: 300 })
    const question = await questionOf(b, 'refund-7')
    const answer = { question, approved: true, by: 'eve' }
    const end = watch(b, 'refund-7', ({ event }) => event === 'end')
    expect((await c.call('POST', '/runs/refund-7/answer', { ...answer, question: 'other' })).status).toBe(409)
    expect((await c.call('POST', '/runs/refund-7/answer', answer)).status).toBe(202)
    expect((await end).at(-1)?.data).toBe('{"status":"finished"}')
    expect(paid([a, b, c], '7')).toBe(1)
    const { body: done } = await c.call('GET', '/runs/refund-7')
    expect(done['state']).toMatchObject({ approved: true, receipt: 'paid 120' })
    expect((await c.call('POST', '/runs/refund-7/answer', answer)).status).toBe(409)

    // A run that waits is cancelled through any instance.
    await b.call('POST', '/runs', { order: '8', amount: 9, customer: 'bob' })
    await expect.poll(() => questionOf(c, 'refund-8'), polled).toBeTypeOf('string')
    expect((await c.call('POST', '/runs/refund-8/cancel', { reason: 'withdrawn' })).status).toBe(202)
    await expect.poll(() => statusOf(b, 'refund-8'), polled).toBe('cancelled')
    expect((await b.call('POST', '/runs/refund-8/cancel')).status).toBe(409)
    expect((await b.call('POST', '/runs/none/cancel')).status).toBe(404)

    // Lists by status and label, in pages.
    const ann = await b.call('GET', '/runs?customer=ann')
    const cancelled = await c.call('GET', '/runs?status=cancelled&status=failed')
    const first = await c.call('GET', '/runs?limit=1')
    const second = await b.call('GET', `/runs?limit=1&after=${encodeURIComponent(String(first.body['after']))}`)
    const ids = [ann, cancelled, first, second].map(({ body }) =>
      (body['items'] as { runId: string }[]).map((one) => one.runId),
    )
    expect(ids).toEqual([['refund-7'], ['refund-8'], ['refund-8'], ['refund-7']])
    expect((await b.call('GET', '/runs?limit=0')).status).toBe(400)
    expect((await b.call('POST', '/runs', { order: '9' })).status).toBe(400)
    expect((await b.call('GET', '/runs/none')).status).toBe(404)
    expect((await b.call('GET', '/nothing')).status).toBe(404)
    expect(await c.call('GET', '/health')).toMatchObject({ status: 200, body: { status: 'ok' } })
  }, 90_000)

  it('cancels a run that the other instance holds; SIGTERM stores what runs, and a new instance goes on', async () => {
    const times = { research: 60_000, coolOff: 100 }
    const [a, b] = await Promise.all([start('drained.db', times), start('drained.db', times)])
    for (const order of ['1', '2']) await a.call('POST', '/runs', { order, amount: 5, customer: 'ann' })
    await expect.poll(() => statusOf(b, 'refund-1'), polled).toBe('running')
    expect(await b.call('POST', '/runs/refund-1/cancel', {})).toMatchObject({ status: 202 })
    await expect.poll(() => statusOf(b, 'refund-1'), polled).toBe('cancelled')

    // The last instance leaves: the run is stored as interrupted, and its readers are told nothing false.
    b.child.kill('SIGTERM')
    expect(await once(b.child, 'close')).toEqual([0, null])
    const watched = watch(a, 'refund-2', () => false).catch(() => [])
    a.child.kill('SIGTERM')
    expect(await once(a.child, 'close')).toEqual([0, null])
    expect((await watched).some(({ event }) => event === 'end')).toBe(false)

    const c = await start('drained.db', { research: 100, coolOff: 100 })
    await expect.poll(() => questionOf(c, 'refund-2'), polled).toBeTypeOf('string')
    const question = await questionOf(c, 'refund-2')
    await c.call('POST', '/runs/refund-2/answer', { question, approved: false, by: 'eve' })
    await expect.poll(() => statusOf(c, 'refund-2'), polled).toBe('finished')
    expect(paid([a, b, c], '2')).toBe(0)
    c.child.kill('SIGTERM')
    expect(await once(c.child, 'close')).toEqual([0, null])
  }, 90_000)
})
