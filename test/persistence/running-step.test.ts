import { createApplication, defineState } from 'teasel'
import { afterAll, describe, expect, it } from 'vitest'
import { defer } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { storesOf } from '../support/stores.js'

const { stores, close } = await storesOf('running-step')
afterAll(close)

describe.each(stores)('the step that runs now, in %s', (_, kind) => {
  it('is the last of the steps, behind any that have committed', async () => {
    const kit = defineState<{ n: number }>()
    const gates = [defer(), defer(), defer()]
    const began = [defer(), defer(), defer()]
    const work = kit.action({
      reads: ['n'],
      writes: ['n'],
      async run({ state: { n } }) {
        began[n]?.resolve()
        await gates[n]?.promise
        return { n: n + 1 }
      },
    })
    const graph = kit.graph({
      actions: { first: work, second: work, third: work },
      transitions: { first: 'second', second: 'third' },
    })
    const persister = kind.open()()
    const options = { appId: 'run-1', entrypoint: 'first', state: { n: 0 }, persister, logger: quiet } as const
    const app = createApplication(graph, options)
    const run = app.run()
    const names = ['first', 'second', 'third']
    for (const [n, name] of names.entries()) {
      await began[n]?.promise
      const { items } = await persister.steps({ runId: 'run-1' })
      expect(items.at(-1)).toMatchObject({ action: name, sequenceId: n, status: 'running' })
      expect(items).toHaveLength(n + 2) // the start is one, too
      const paged = await persister.steps({ runId: 'run-1', limit: n + 1 })
      const rest = await persister.steps({ runId: 'run-1', after: paged.after ?? '' })
      expect(rest.items).toMatchObject([{ action: name, sequenceId: n, status: 'running' }])
      gates[n]?.resolve()
    }
    await run
    const { items } = await persister.steps({ runId: 'run-1' })
    expect(items.map(({ status }) => status)).toEqual(['done', 'done', 'done', 'done'])
  })
})
