import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as teasel from 'teasel'
import * as codec from 'teasel/codec'
import * as persistence from 'teasel/persistence'
import * as trackingFile from 'teasel/tracking/file'
import { describe, expect, it } from 'vitest'
import { anchorsOf, brokenLinks, linksOf, misquoted, quotationsOf, readPages } from './tools/documents.js'
import { ROOT } from './tools/vitest-report.js'

const pages = readPages()
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** The part of a page under a heading of the second level. */
const sectionOf = (text: string, title: string): string =>
  text.split(/^## /m).find((section) => section.startsWith(`${title}\n`)) ?? ''

/** The literals of a union in a source: those behind `pattern`, in the declaration of `type`. */
function literalsOf(path: string, type: string, pattern: RegExp): string[] {
  const declared = new RegExp(`export (type|interface) ${type}\\b[\\s\\S]*?\\n\\n`).exec(read(path))?.[0] ?? ''
  return [...declared.matchAll(pattern)].flatMap(([, list = '']) =>
    [...list.matchAll(/'([a-z-]+)'/g)].map((m) => m[1] ?? ''),
  )
}

// Their programs are compiled and run by snippets.test.ts.
describe('the pages', () => {
  it('link to files and headings that exist', () => {
    expect(pages.length).toBeGreaterThan(10)
    expect(brokenLinks(pages)).toEqual([])
  })

  it('are all listed in the guide', () => {
    const listed = linksOf(read('examples/guide/README.md')).filter((target) => /^[\w-]+\.md$/.test(target))
    const files = readdirSync(join(ROOT, 'examples/guide')).filter(
      (file) => file.endsWith('.md') && file !== 'README.md',
    )

    expect(listed.toSorted()).toEqual(files.toSorted())
  })

  it('are all listed for programs', () => {
    const listed = linksOf(read('examples/guide/llms.txt'))
    const files = readdirSync(join(ROOT, 'examples/guide')).filter((file) => file.endsWith('.md'))

    expect(listed.toSorted()).toEqual(files.toSorted())
  })

  it('have a skill with a name and a description', () => {
    const [, name, description = ''] =
      /^---\nname: ([a-z-]+)\ndescription: (.+)\n---\n\n# /.exec(read('examples/guide/SKILL.md')) ?? []

    expect(name).toBe('teasel')
    expect(description.length).toBeGreaterThan(100)
    expect(description.length).toBeLessThanOrEqual(1024)
    expect(description).not.toContain(': ') // YAML would read a record.
  })

  it('quote the current examples', () => {
    const wrong = pages
      .flatMap(quotationsOf)
      .flatMap((quotation) => misquoted(quotation, read(quotation.file)).map((part) => `${quotation.place}: ${part}`))

    expect(wrong).toEqual([])
  })
})

describe('the README', () => {
  const readme = read('README.md')
  const recipes = sectionOf(readme, 'Recipes').split(/^### /m).slice(1)

  it('has at most 300 lines', () => {
    expect(readme.split('\n').length - 1).toBeLessThanOrEqual(300)
  })

  it('has a picture for the first program and for each idea', () => {
    const parts = [sectionOf(readme, 'A first program'), ...sectionOf(readme, 'Five ideas').split(/^### /m).slice(1)]

    expect(parts.map((part) => part.match(/^```mermaid$/gm)?.length)).toEqual([1, 1, 1, 1, 1, 1])
  })

  it.each(recipes.map((recipe) => [recipe.slice(0, recipe.indexOf('\n')), recipe] as const))(
    'has a recipe of %s that quotes its linked example, in at most 15 lines',
    (_, recipe) => {
      const [quotation, ...more] = quotationsOf({ path: 'README.md', text: recipe })

      expect(more).toEqual([])
      expect(linksOf(recipe)).toContain(quotation?.file)
      expect(quotation?.code.split('\n').length).toBeLessThanOrEqual(16)
    },
  )
})

describe('the guide', () => {
  it('lists every example, and no other file', () => {
    const listed = linksOf(read('examples/guide/README.md')).filter((target) => target.startsWith('../'))
    const files = readdirSync(join(ROOT, 'examples')).filter((file) => /^(\d\d-.+|research)\.ts$/.test(file))

    expect(listed).toEqual(files.map((file) => `../${file}`))
  })

  it('S-017 explains maps before it explains tasks', () => {
    const maps = read('examples/guide/maps.md')
    const places = ['mapStates({', 'mapActionsAndStates({', 'kit.parallel({ tasks'].map((name) => maps.indexOf(name))

    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places[0]).toBeGreaterThan(0)
  })
})

describe('the guide to errors', () => {
  const guide = read('examples/guide/errors.md')
  const classes = Object.entries({ ...teasel, ...codec, ...persistence, ...trackingFile }).flatMap(([name, value]) =>
    typeof value === 'function' && name !== 'TeaselError' && 'code' in value ? [[name, value.code] as const] : [],
  )

  it('has a row and an entry for every code, and for no other code', () => {
    const rows = [...guide.matchAll(/^\| \[`([a-z-]+)`\]\(#\1\) \| (.*?) \|/gm)]
    const named = rows.flatMap(([, code, names = '']) => [...names.matchAll(/\w+/g)].map(([name]) => [name, code]))
    const entries = [...guide.matchAll(/^## (.+)$/gm)].map(([, title]) => title)

    expect(named.toSorted()).toEqual(classes.map((pair) => [...pair]).toSorted())
    expect(entries).toEqual(rows.map(([, code]) => code))
    expect(entries.toSorted()).toEqual(literalsOf('src/errors.ts', 'ErrorCode', /\| (.*)/g).toSorted())
  })

  it('explains the cause and the remedy in each entry', () => {
    const codes = [...new Set(classes.map(([, code]) => String(code)))]
    const thin = codes.filter(
      (code) => !/\*\*What happened\.\*\* [\s\S]+\*\*What to do\.\*\* /.test(sectionOf(guide, code)),
    )

    expect(thin).toEqual([])
  })

  it.each([
    ['graph', 'src/errors.ts', 'GraphIssue', /\| (.*)/g],
    ['contract', 'src/errors.ts', 'ContractFault', /kind: ([^;}]*)/g],
    ['persistence', 'src/store-errors.ts', 'PersistenceFault', /= (.*)/g],
  ])('has a row for each kind of fault of %s, and for no other kind', (code, path, type, pattern) => {
    const rows = [...sectionOf(guide, code).matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, kind]) => kind)

    expect(rows.toSorted()).toEqual(literalsOf(path, type, pattern).toSorted())
    expect(rows.length).toBeGreaterThan(3)
  })
})

describe('the reader of pages', () => {
  const page = {
    path: 'examples/guide/a.md',
    text: '# A `b` & c\n\n## Same\n\n## Same\n\n```ts\n# no\n[x](none.md)\n```\n',
  }

  it('makes anchors as GitHub does, and skips code', () => {
    expect(anchorsOf(page.text)).toEqual(['a-b--c', 'same', 'same-1'])
    expect(linksOf(page.text)).toEqual([])
  })

  it('finds dead links', () => {
    const text = '[a](#same-1) [b](#other) [c](../01-side-by-side.ts) [d](../none.ts) [e](a.md#same) [f](https://x.org)'

    expect(brokenLinks([{ ...page, text: page.text + text }])).toEqual([
      'examples/guide/a.md links to #other',
      'examples/guide/a.md links to ../none.ts',
    ])
  })

  it('finds outdated quotations', () => {
    const text = '```ts examples/a.ts\none()\n// …\nthree({\n  a,\n})\n```\n'
    const [quotation] = quotationsOf({ path: 'README.md', text })
    if (quotation === undefined) throw new Error('There is a quotation.')

    expect(quotation).toMatchObject({ place: 'README.md:2', file: 'examples/a.ts' })
    expect(misquoted(quotation, 'one()\n  two()\n  three({\n    a,\n  })\n')).toEqual([])
    expect(misquoted(quotation, 'three({\n  a,\n})\none()\n')).toEqual(['three({\na,\n})'])
  })
})
