import type { Research, Source } from './graph.js'
import type { Hit, Library } from './library.js'
import type { Plan } from './plan.js'

// How sources are chosen and told.

const SOURCES = 4

/** The best sources, not all of one year or one president, in the order of their years. */
export function choose(found: readonly Source[], first: boolean): Source[] {
  const earliest = first ? found.toSorted((a, b) => a.year - b.year).slice(0, 1) : []
  const chosen: Source[] = [...earliest]
  const worth = (source: Source): number =>
    source.score -
    0.3 * chosen.filter(({ year }) => Math.abs(year - source.year) <= 1).length -
    0.1 * chosen.filter(({ president }) => president === source.president).length
  const left = found.filter((source, i) => found.findIndex(({ passage }) => passage === source.passage) === i)
  const bar = 0.6 * Math.max(0, ...left.map(({ score }) => score))
  while (chosen.length < SOURCES) {
    const best = left
      .filter((source) => source.score >= bar && !chosen.includes(source))
      .sort((a, b) => worth(b) - worth(a))[0]
    if (best === undefined) break
    chosen.push(best)
  }
  return chosen.map((source) => ({ ...source, score: Number(source.score.toFixed(3)) })).sort((a, b) => a.year - b.year)
}

export const quoted = ({ year, president, passage }: Source): string => `${president}, ${year}:\n  “${passage}”`

/** In which years, and how often, the addresses speak of the matter. */
export function overview(library: Library, { plan, terms }: Pick<Research, 'plan' | 'terms'>): string {
  const matter = matterOf(library, plan, terms).join(' ')
  const years = new Map<number, string>()
  for (const { passage } of library.search(matter.split(' '), plan.filter, library.passages.length)) {
    const found = library.passages[passage]
    if (found !== undefined && includesAll(found.sentences.join(' '), matter)) years.set(found.year, found.president)
  }
  const sorted = [...years].sort((a, b) => a[0] - b[0])
  const [first, last] = [sorted[0], sorted.at(-1)]
  if (first === undefined || last === undefined) return `What the addresses say that comes closest:`
  const at = ([year, president]: readonly [number, string]): string =>
    plan.filter.presidents.length === 1 ? `${year}` : `${year} (${president})`
  const span = first[0] === last[0] ? `in ${at(first)}` : `first in ${at(first)}, last in ${at(last)}`
  return `“${matter}” is spoken of in ${sorted.length} ${sorted.length === 1 ? 'year' : 'years'}${asked(plan)}, ${span}.`
}

/** That nothing was found, and what was searched. */
export function nothingFound(library: Library, question: string, plan: Plan): string {
  const searched = `${library.passages.length} passages of the addresses${asked(plan)}`
  if (plan.terms.length === 0) return `Nothing found: “${question}” names no subject to look for in ${searched}.`
  const unknown = plan.terms.filter((term) => library.frequency(term) === 0)
  const words = (terms: readonly string[]): string => terms.map((term) => `“${term}”`).join(', ')
  const none = unknown.length === 0 ? '' : ` No address has ${unknown.map((term) => `“${term}”`).join(' or ')}.`
  return `Nothing found. ${searched[0]?.toUpperCase()}${searched.slice(1)} were searched for ${words(plan.terms)}.${none}`
}

/** What the question is most about: its first phrase, or its rarest word. */
function matterOf(library: Library, plan: Plan, terms: Research['terms']): readonly string[] {
  const words = terms.map((alternatives) => alternatives[0] ?? '')
  return plan.phrases[0] ?? words.toSorted((a, b) => library.frequency(a) - library.frequency(b)).slice(0, 1)
}

/** The oldest passages that speak of the matter. */
export function firstMention(library: Library, plan: Plan, terms: Research['terms']): Hit[] {
  const matter = matterOf(library, plan, terms)
  return library
    .search(matter, plan.filter, library.passages.length)
    .filter(({ passage }) => includesAll(library.passages[passage]?.sentences.join(' ') ?? '', matter.join(' ')))
    .sort((a, b) => a.passage - b.passage)
    .slice(0, 1)
}

const asked = ({ filter: { from, to, presidents } }: Plan): string => {
  const who = presidents.length === 0 ? '' : ` by ${presidents.join(' and ')}`
  return to - from > 200 ? who : `${who} between ${from} and ${to}`
}

const includesAll = (text: string, matter: string): boolean => {
  const lower = text.toLowerCase()
  return matter.split(' ').every((term) => lower.includes(term))
}
