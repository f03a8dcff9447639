import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { ROOT } from './vitest-report.js'

/** A page that a user reads: the README, or a guide. */
export interface Page {
  /** Its place in the repository: `examples/guide/maps.md`. */
  readonly path: string
  readonly text: string
}

const GUIDE = 'examples/guide'

/** The README and the guides. */
export const readPages = (): Page[] =>
  [
    'README.md',
    ...readdirSync(join(ROOT, GUIDE))
      .filter((file) => /\.(md|txt)$/.test(file))
      .map((file) => `${GUIDE}/${file}`),
  ].map((path) => ({
    path,
    text: readFileSync(join(ROOT, path), 'utf8'),
  }))

/** The page without its fenced blocks. */
const proseOf = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '')

/** The anchors of the headings of a page, made as GitHub makes them. */
export function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>()
  return [...proseOf(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) => {
    const slug = title
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    return times === 0 ? slug : `${slug}-${times}`
  })
}

/** The targets of the links of a page, in its prose. */
export const linksOf = (text: string): string[] =>
  [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)

/**
 * The dead links: to a missing file, or to a heading that its page lacks. Addresses on the web are
 * not checked.
 */
export function brokenLinks(pages: readonly Page[]): string[] {
  const byPath = new Map(pages.map(({ path, text }) => [path, text]))
  return pages.flatMap(({ path, text }) =>
    linksOf(text)
      .filter((target) => !/^https?:/.test(target))
      .filter((target) => {
        const [file = '', anchor] = target.split('#')
        const to = file === '' ? path : normalize(join(dirname(path), file))
        const page = byPath.get(to)
        if (page === undefined) return anchor !== undefined || !existsSync(join(ROOT, to))
        return anchor !== undefined && !anchorsOf(page).includes(anchor)
      })
      .map((target) => `${path} links to ${target}`),
  )
}

/** A part of an example in a page: a block behind a fence such as `ts examples/05-tools.ts`. */
export interface Quotation {
  readonly place: string
  readonly file: string
  readonly code: string
}

/** The quotations of a page. */
export const quotationsOf = ({ path, text }: Page): Quotation[] =>
  [...text.matchAll(/^```ts (examples\/\S+)\n([\s\S]*?)^```/gm)].map(({ index, 1: file = '', 2: code = '' }) => ({
    place: `${path}:${text.slice(0, index).split('\n').length + 1}`,
    file,
    code,
  }))

const unindented = (text: string): string => text.replace(/^ +/gm, '').trim()

/** The parts of a quotation that its example lacks. A line `// …` stands for omitted lines. */
export function misquoted({ code }: Quotation, example: string): string[] {
  const whole = unindented(example)
  let from = 0
  return code.split(/^ *\/\/ …$/m).flatMap((part) => {
    const wanted = unindented(part)
    const at = whole.indexOf(wanted, from)
    if (at < 0) return [wanted]
    from = at + wanted.length
    return []
  })
}
