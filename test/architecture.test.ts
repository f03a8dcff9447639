import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import {
  exampleImports,
  fileNames,
  fileSize,
  forbiddenWords,
  homesOfPackages,
  importDirection,
  knownRooms,
  noCycles,
  noLongSpread,
  pageAlone,
  partsOfEngine,
  plainIndex,
  RULES,
  type Rule,
  topLevel,
  typesOfPersistence,
  xstateInOneRoom,
} from './tools/architecture.js'
import { publicEntries } from './tools/entries.js'
import { readTree } from './tools/source-tree.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const files = readTree(root, 'src')
const entries = publicEntries(root)

describe('the layout of the repository', () => {
  it.each(Object.entries(RULES))('%s', (_, rule) => {
    expect(rule(files)).toEqual([])
  })

  it('keeps its top level', () => {
    expect(topLevel(readdirSync(root))).toEqual([])
  })

  it('has examples that import the package by its name', () => {
    expect(exampleImports(readTree(root, 'examples'))).toEqual([])
  })
})

const breaches: readonly [string, Rule, Record<string, string>][] = [
  ['a file in no room', knownRooms, { 'src/attic/box.ts': '' }],
  ['a value from a higher floor', importDirection, { 'src/state/a.ts': "import { b } from '../runtime/b.js'" }],
  ['a type from a higher floor', importDirection, { 'src/state/a.ts': "import type { B } from '../graph/b.js'" }],
  [
    'a cycle of types',
    noCycles,
    { 'src/state/a.ts': "import type { B } from './b.js'", 'src/state/b.ts': "export { a } from './a.js'" },
  ],
  ['a page that imports the engine', pageAlone, { 'src/ui/page/a.tsx': "import { b } from '../../runtime/b.js'" }],
  ['a room that imports the page', pageAlone, { 'src/cli/a.ts': "import { b } from '../ui/page/b.js'" }],
  [
    'values of persistence in the engine',
    typesOfPersistence,
    {
      'src/persistence/a.ts': 'export const a = 1',
      'src/runtime/run/b.ts': "import { a } from '../../persistence/a.js'",
    },
  ],
  ['a file in no part of the engine', partsOfEngine, { 'src/runtime/box.ts': '' }],
  ['a long file', fileSize, { 'src/state/a.ts': 'a\n'.repeat(301) }],
  ['a name in camel case', fileNames, { 'src/state/aB.ts': '' }],
  ['a meaningless name', fileNames, { 'src/state/utils.ts': '' }],
  [
    'values of xstate outside the engine',
    homesOfPackages,
    { 'src/graph/a.ts': "import { createActor } from 'xstate'" },
  ],
  [
    'values of xstate in application',
    homesOfPackages,
    { 'src/application/a.ts': "import { type A, b } from 'xstate'" },
  ],
  ['a package that has no home', homesOfPackages, { 'src/runtime/a.ts': "import { map } from 'lodash'" }],
  ['a module of node', forbiddenWords, { 'src/runtime/a.ts': "const fs = await import('node:fs')" }],
  ['any', forbiddenWords, { 'src/runtime/a.ts': 'export const a: any = 1' }],
  ['a derived signal', forbiddenWords, { 'src/runtime/a.ts': 'AbortSignal.any([])' }],
  [
    'values of xstate in another part of the engine',
    homesOfPackages,
    { 'src/runtime/a.ts': "import { createActor } from 'xstate'" },
  ],
  ['a private member of XState', xstateInOneRoom, { 'src/runtime/a.ts': 'parent._actorScope.stopChild(actor)' }],
  ['an event of XState', xstateInOneRoom, { 'src/runtime/a.ts': "if (event.type === 'xstate.stop') stop()" }],
  ['a default export', forbiddenWords, { 'src/runtime/a.ts': 'export default 1' }],
  ['a list that is spread into a call', noLongSpread, { 'src/runtime/a.ts': 'const a = Math.max(0, ...keys)' }],
  ['code in the index', plainIndex, { 'src/index.ts': "export { a } from './a.js'\nconst b = 1" }],
]

describe('the public surface', () => {
  it('is exported by package.json: every index.ts and no other file', () => {
    const doors = files.map(({ path }) => path).filter((path) => path.endsWith('/index.ts'))
    expect(entries.map(({ source }) => source).sort()).toEqual(doors.sort())
  })

  it('is built with the modules of Node outside', () => {
    const { tsup } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
      readonly tsup: { readonly external: readonly string[] }
    }
    const used = files.flatMap(({ text }) =>
      Array.from(text.matchAll(/ from '(node:[\w/]+)'/g), ([, name = '']) => name),
    )
    const isOutside = (name: string): boolean => tsup.external.some((one) => name === one || name.startsWith(`${one}/`))
    expect([...new Set(used)].filter((name) => !isOutside(name))).toEqual([])
  })

  it('is resolved by the compiler under its names', () => {
    const { options } = ts.parseJsonConfigFileContent(
      ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config,
      ts.sys,
      root,
    )
    const found = entries.map(({ name }) => {
      const { resolvedModule } = ts.resolveModuleName(name, `${root}examples/a.ts`, options, ts.sys)
      return { name, source: resolvedModule?.resolvedFileName.slice(root.length) }
    })
    expect(found).toEqual(entries)
  })
})

describe('the rules', () => {
  it.each(breaches)('report %s', (_, rule, tree) => {
    expect(rule(Object.entries(tree).map(([path, text]) => ({ path, text })))).not.toEqual([])
  })

  it('ignore comments', () => {
    const text = '/** import { a } from "../runtime/a.js"; AbortSignal.any */\n// as any\nexport const a = 1'
    const tree = [{ path: 'src/state/a.ts', text }]

    expect([importDirection(tree), forbiddenWords(tree), homesOfPackages(tree)]).toEqual([[], [], []])
  })

  it('report a stray folder, a missing file, and an example that reaches into the source', () => {
    expect(topLevel(['docs', 'src'])).toContain('docs does not belong at the top level')
    expect(topLevel(['docs', 'src'])).toContain('README.md is missing')
    expect(exampleImports([{ path: 'examples/a.ts', text: "import { a } from '../src/index.js'" }])).toHaveLength(1)
  })
})
