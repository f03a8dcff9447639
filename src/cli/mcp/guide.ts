import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Owns: the guide that is shipped with this package, and a search in its sections.

/** A section of the guide. */
export interface Section {
  /** `maps.md`. */
  readonly page: string
  /** Its heading, behind those above it: `Maps › Keys`. */
  readonly title: string
  /** Its first line, from 1. */
  readonly line: number
  readonly text: string
}

/** The folder of the guide: that of the sources, or that of the package; undefined without one. */
export function guideFolder(from: string = import.meta.url): string | undefined {
  const places = ['../', '../../', '../../../'].map((up) => fileURLToPath(new URL(`${up}examples/guide`, from)))
  return places.find((place) => existsSync(join(place, 'SKILL.md')))
}

/** The sections of every page of a folder. */
export async function sectionsIn(folder: string): Promise<readonly Section[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.md')).sort()
  const pages = await Promise.all(
    files.map(async (page) => ({ page, text: await readFile(join(folder, page), 'utf8') })),
  )
  return pages.flatMap(({ page, text }) => sectionsOf(page, text))
}

/** The sections of a page. A sign of a heading in a fenced block is none. */
export function sectionsOf(page: string, text: string): readonly Section[] {
  const sections: { page: string; title: string; line: number; text: string }[] = []
  const above: string[] = []
  let isCode = false
  for (const [i, line] of text.split('\n').entries()) {
    if (line.startsWith('```')) isCode = !isCode
    const [, signs = '', head = ''] = isCode ? [] : (/^(#{1,6}) (.+)/.exec(line) ?? [])
    if (signs !== '') {
      above.length = Math.min(above.length, signs.length - 1)
      above[signs.length - 1] = head
      const title = above.filter((one) => one !== undefined).join(' › ')
      sections.push({ page, title, line: i + 1, text: '' })
    }
    const last = sections.at(-1)
    if (last !== undefined) last.text += `${line}\n`
  }
  return sections.map((one) => ({ ...one, text: one.text.trimEnd() }))
}

const OF_TITLE = 6
/** How much one more occurrence adds: at most so many count. */
const SATURATION = 3

/** The sections that fit some words best, best first. */
export function searched(sections: readonly Section[], query: string, most: number): readonly Section[] {
  const words = [...new Set(wordsOf(query))]
  const counted = sections.map((section) => {
    const counts = new Map<string, number>()
    const texts = [
      ...wordsOf(section.text),
      ...wordsOf(section.title).flatMap((one) => Array<string>(OF_TITLE).fill(one)),
    ]
    for (const one of texts) counts.set(one, (counts.get(one) ?? 0) + 1)
    return { section, counts, size: texts.length }
  })
  const mean = counted.reduce((sum, { size }) => sum + size, 1) / Math.max(1, counted.length)
  const rare = new Map(
    words.map((word) => {
      const having = counted.filter(({ counts }) => counts.has(word)).length
      return [word, Math.log(1 + (counted.length - having + 0.5) / (having + 0.5))]
    }),
  )
  return counted
    .map(({ section, counts, size }) => {
      const score = words.reduce((sum, word) => {
        const n = counts.get(word) ?? 0
        return sum + ((rare.get(word) ?? 0) * n * (1 + SATURATION)) / (n + SATURATION * (0.4 + (0.6 * size) / mean))
      }, 0)
      return { section, score }
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, most)
    .map(({ section }) => section)
}

/** The words of a text, and the parts of names such as `mapStates`, without their endings. */
const wordsOf = (text: string): readonly string[] =>
  (text.match(/[\p{L}\p{N}_]+/gu) ?? []).flatMap((word) => {
    const parts = word.match(/\p{Lu}?\p{Ll}+|\p{Lu}+(?!\p{Ll})|\p{N}+/gu) ?? []
    return [...new Set([word, ...(parts.length > 1 ? parts : [])].map(stemOf))]
  })

const stemOf = (word: string): string => {
  const small = word.toLowerCase()
  return small.length < 5 ? small : small.replace(/(ing|ed|es|s|e)$/, '')
}
