import { createApplication, defineMessage, defineState, type as typeOf } from 'teasel'
import { defineRunGraph } from 'teasel/element'
import { fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { describe, expect, it, vi } from 'vitest'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'
import { handlerOf } from '../ui/rig.js'
import { pageWindow } from './reacts.js'

// The events of a page are its own.
Reflect.set(globalThis, 'Event', pageWindow.Event)

const kit = defineState<{ n: number }>()
const go = defineMessage('go', typeOf<number>())

describe('the element of a run', () => {
  it('follows its run while it is in the page', async () => {
    const evil = '<img src=x onerror=alert(1)>'
    const step = kit.action({
      reads: ['n'],
      writes: ['n'],
      run: async ({ context }) => ({ n: (await context.receiveOne(go)).body }),
    })
    const graph = kit.graph({ actions: { [evil]: step } })
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const app = createApplication(graph, {
      ...{ appId: 'a', entrypoint: evil, state: { n: 0 }, tracker, logger: quiet },
    })
    const run = app.run()
    const handler = handlerOf(projectsIn(dir), { basePath: '/ui' })
    defineRunGraph({ fetch: (input, init) => handler(new Request(input, init)) })
    defineRunGraph()
    const { document } = pageWindow
    document.body.innerHTML = '<run-graph src="/ui" run="a"></run-graph><run-graph src="/ui" run="a"></run-graph>'
    const [one, other] = [...document.querySelectorAll('run-graph')]
    const status = () => one?.shadowRoot?.querySelector('g[data-status]')?.getAttribute('data-status')
    await vi.waitUntil(() => status() !== undefined, { timeout: 20_000, interval: 5 })
    expect(one?.shadowRoot?.textContent).toContain(evil)
    expect(one?.shadowRoot?.querySelector('img')).toBeNull()
    await app.send(go(1))
    await run
    await vi.waitUntil(() => status() === 'done', { timeout: 20_000, interval: 5 })
    expect(handler.watched).toBe(1)

    const paper = () => one?.shadowRoot?.querySelector('rect')?.getAttribute('fill')
    expect(paper()).toBe('#ffffff')
    one?.setAttribute('theme', 'dark')
    await vi.waitUntil(() => paper() === '#0d1117', { timeout: 20_000, interval: 5 })
    one?.setAttribute('run', 'none')
    await vi.waitUntil(() => paper() === undefined, { timeout: 20_000, interval: 5 })

    one?.remove()
    other?.remove()
    await vi.waitUntil(() => handler.watched === 0, { timeout: 20_000, interval: 5 })
  })

  it('fires an event when its run cannot be read', async () => {
    const { document } = pageWindow
    const faults: unknown[] = []
    document.body.addEventListener('run-graph-error', (event) => faults.push(Reflect.get(event, 'detail')))
    document.body.innerHTML = '<run-graph src="/elsewhere" run="a"></run-graph>'
    await vi.waitUntil(() => faults.length > 0, { timeout: 20_000, interval: 5 })
    expect(faults[0]).toMatchObject({ code: 'no-page' })
    document.body.innerHTML = ''
  })
})
