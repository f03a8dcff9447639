import { execFileSync } from 'node:child_process'
import { createApplication, defineState } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { addressOf } from '../../../src/cli/address.js'
import { quiet } from '../../support/quiet-logger.js'
import { browserSuite, chromium } from './suite.js'

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const fan = kit.mapStates({
  ...{ reads: [], writes: ['n'], action: kit.graph({ actions: { add } }).runnable({ entrypoint: 'add' }) },
  states: { "it's @1": { n: 1 } },
  reduce: () => ({ n: 2 }),
})

/** The words of a command, as a shell reads them. */
const wordsOf = (command: string | null): readonly string[] =>
  execFileSync('sh', ['-c', `printf '%s\\n' ${command ?? ''}`], { encoding: 'utf8' })
    .trimEnd()
    .split('\n')

describe.skipIf(chromium === undefined)('a command for a terminal, in a browser', () => {
  const { show } = browserSuite()
  const runId = "50% of it's a/b@2"

  async function opened(query: string) {
    const persister = memoryPersister()
    const options = { entrypoint: 'add', state: { n: 1 }, persister, partitionKey: 'eu west', logger: quiet } as const
    const graph = kit.graph({ actions: { add, fan }, transitions: { add: 'fan' } })
    await createApplication(graph, { ...options, appId: runId }).run()
    const path = `/p/my%20runs/r/${encodeURIComponent(runId)}?partition=eu%20west&${query}`
    return show({ 'my runs': { persister } }, path)
  }

  it('forks the step that is shown, whatever signs its run has', async () => {
    const { page, faults, url } = await opened('step=0')
    await page.getByRole('button', { name: 'Fork…' }).click()
    await page.getByLabel('State after step 0').fill('{ "n": 7 }')

    const [teasel, name, address = '', ...options] = wordsOf(await page.locator('dialog .command').textContent())
    expect([teasel, name]).toEqual(['teasel', 'fork'])
    expect(addressOf(address)).toEqual({ runId, path: [], step: 0 })
    expect(options).toEqual([
      ...['--patch', '{"n":7}', '--url', `${url}/`, '--project', 'my runs', '--partition', 'eu west'],
    ])
    expect(faults).toEqual([])
  })

  it('makes a test of the step that is shown, also of one in a branch', async () => {
    const { page, faults, url } = await opened(`path=${encodeURIComponent("fan/it's @1")}&step=0`)
    await page.getByText('Make a test of it').click()

    const [teasel, name, address = '', ...options] = wordsOf(await page.locator('.inspector .command').textContent())
    expect([teasel, name]).toEqual(['teasel', 'test-case'])
    expect(addressOf(address)).toEqual({ runId, path: [['fan', 1, "it's @1"]], step: 0 })
    expect(options).toEqual(['--url', `${url}/`, '--project', 'my runs', '--partition', 'eu west'])
    expect(faults).toEqual([])
  })
})
