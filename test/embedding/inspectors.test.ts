import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInspector, createWebSocketInspector, createWebSocketReceiver } from '@statelyai/inspect'
import { createInspectorServer } from '@statelyai/inspect/server'
import { createApplication, defineState } from 'teasel'
import { describe, expect, it, vi } from 'vitest'
import { defer } from '../support/deferred.js'

interface Work {
  secret: string
  part: string
  done: string
  report: string
}
const kit = defineState<Work>()
const one = kit.action({ reads: ['part'], writes: ['done'], run: ({ state }) => ({ done: `${state.part}!` }) })
const all = kit.mapStates({
  reads: [],
  writes: ['report'],
  action: one,
  states: { a: { part: 'a' }, b: { part: 'b' } },
  reduce: ({ results }) => ({ report: results.map(({ state }) => state.done).join() }),
})
const after = kit.action({
  reads: ['report'],
  writes: ['report'],
  run: ({ state }) => ({ report: `${state.report}.` }),
})
const graph = kit.graph({ actions: { all, after }, transitions: { all: 'after' } })
const start = { entrypoint: 'all', state: { secret: 'the root has it' } } as const

type Sent = Readonly<Record<string, unknown>> & { readonly type: string }

/** The events that an inspector sends on, with a delay; `ended` resolves with the last snapshot of the application. */
function wire() {
  const sent: Sent[] = []
  const ended = defer()
  const send = (event: object): void => {
    sent.push(event as Sent)
    const { snapshot } = event as { readonly snapshot?: { readonly value?: unknown } }
    if ((event as Sent).type === '@xstate.snapshot' && snapshot?.value === 'after') ended.resolve()
  }
  return { sent, send, ended: ended.promise }
}

describe("Stately's inspector", () => {
  it('is accepted unchanged, and gets plain data', async () => {
    const { sent, send, ended } = wire()
    const inspector = createInspector({ send })

    const { state } = await createApplication(graph, { ...start, inspect: inspector.inspect }).run()
    await ended

    expect(state.report).toBe('a!,b!.')
    expect(sent.length).toBeGreaterThan(10)
    // Plain data survives JSON: nothing live, nothing circular.
    expect(() => JSON.stringify(sent)).not.toThrow()
    expect(JSON.stringify(sent)).not.toMatch(/"(system|runner|journal|folding|table)"/)
  })

  it('shows only the number of branches of a map', async () => {
    const { sent, send, ended } = wire()
    const inspector = createInspector({ send })

    await createApplication(graph, { ...start, inspect: inspector.inspect }).run()
    await ended

    const ofMap = sent.flatMap(({ type, snapshot }) => {
      const { context } = (snapshot ?? {}) as { readonly context?: { readonly live?: number } }
      return type === '@xstate.snapshot' && context?.live !== undefined ? [snapshot] : []
    })
    expect(JSON.parse(JSON.stringify(ofMap.at(-1)))).toEqual({
      status: 'done',
      output: { report: 'a!,b!' },
      value: 'reducing',
      context: { live: 0, done: 2, failed: 0, cancelled: 0 },
    })
  })

  it('hides the state when the context is left out', async () => {
    const { sent, send, ended } = wire()
    const inspector = createInspector({ send }, { sanitizeContext: () => ({}) })

    await createApplication(graph, { ...start, inspect: inspector.inspect }).run()
    await ended

    expect(JSON.stringify(sent)).not.toContain('the root has it')
  })

  it('reaches a page over its WebSocket server', async () => {
    const free = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => free.once('listening', resolve))
    const { port } = free.address() as AddressInfo
    await new Promise((resolve) => free.close(resolve))
    vi.spyOn(console, 'log').mockImplementation(() => {})
    const server = createInspectorServer({ port, autoOpen: false })
    const url = `ws://localhost:${port}`
    const { sent, send, ended } = wire()
    createWebSocketReceiver({ server: url }).subscribe(send)
    const inspector = createWebSocketInspector({ url })

    await createApplication(graph, { ...start, inspect: inspector.inspect }).run()
    await ended

    const names = sent.filter(({ type }) => type === '@xstate.actor').map(({ name }) => name)
    expect(names).toHaveLength(5)
    inspector.stop()
    server.stop()
  })
})

describe('a value that is no inspector', () => {
  it('is refused', () => {
    const inspect = 3 as never

    expect(() => createApplication(graph, { ...start, inspect })).toThrow(
      'inspect is 3. It takes a function, or an observer with next.',
    )
  })
})
