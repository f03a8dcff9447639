import assert from 'node:assert/strict'
import { defineState } from 'teasel'
import { analyse, toMermaid } from 'teasel/visualize'

const kit = defineState()
const one = kit.action({ reads: [], writes: ['n'], run: () => ({ n: 1 }) })
const two = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => state })
const runnable = kit.graph({ actions: { one, two }, transitions: { one: 'two' } }).runnable({ entrypoint: 'one' })
assert.match(toMermaid(runnable), /stateDiagram/)
assert.ok(analyse(runnable))
