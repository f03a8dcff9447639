import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { createApplication, defineState } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { runActions } from 'teasel/ui'
import { expect, it } from 'vitest'
import { addressOf } from '../../src/cli/address.js'
import { UiError } from '../../src/client/ui-error.js'
import { addressInShell, printedAddress } from '../../src/read/run-address.js'
import type { WirePath } from '../../src/read/wire-path.js'

// The commands that errors name can be pasted into a shell, whatever the id of the run.

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const graph = kit.graph({ actions: { add } })

/** The words of a command, as a shell reads them. */
const wordsOf = (command: string): readonly string[] =>
  execFileSync('sh', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1)

it.each(['order-7', 'a/b@3', "it's $HOME `x`", '#1', '~', '100%', 'ü 東', '"; rm -rf x'])(
  'names the run %j in the hint of a refused action',
  async (runId) => {
    const persister = memoryPersister()
    await createApplication(graph, { appId: runId, entrypoint: 'add', state: { n: 0 }, persister }).run()
    const refused: unknown = await runActions({ persister })
      .cancel({ runId })
      .catch((error: unknown) => error)
    const { hint = '' } = refused as UiError
    expect(UiError.is(refused)).toBe(true)
    const words = wordsOf(hint.slice(hint.indexOf('teasel fork')))
    expect(words).toHaveLength(3)
    expect(addressOf(words[2] ?? '')).toEqual({ runId, path: [], step: 0 })
  },
)

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((text) => !text.includes('\0'))
const path = fc.array(fc.tuple(name, fc.integer({ min: 1, max: 9 }), name), { maxLength: 2 })

it('prints addresses that are read back', () => {
  fc.assert(
    fc.property(name, path, fc.option(fc.integer({ min: 0, max: 99 }), { nil: undefined }), (runId, below, step) => {
      const place: WirePath = below
      expect(addressOf(printedAddress(runId, place, step))).toEqual({ runId, path: place, step })
    }),
  )
})

it('prints addresses that a shell leaves as they are', () => {
  fc.assert(
    fc.property(name, path, (runId, below) => {
      expect(wordsOf(addressInShell(runId, below))).toEqual([printedAddress(runId, below)])
    }),
    { numRuns: 20 },
  )
})
