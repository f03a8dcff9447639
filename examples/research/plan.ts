import type { Filter, Library } from './library.js'
import { isStopWord, stem, termsOf, wordsOf } from './words.js'

/** One way to ask. */
export interface Query {
  readonly terms: readonly string[]
  readonly filter: Filter
}

/** What a question asks for. */
export interface Plan {
  /** What the question is about, as stems. */
  readonly terms: readonly string[]
  /** Two terms that stand side by side in the question and in the addresses. */
  readonly phrases: readonly (readonly [string, string])[]
  readonly filter: Filter
  /** Whether it asks when something was spoken of first. */
  readonly first: boolean
  /** The ways to ask, by name. */
  readonly queries: Readonly<Record<string, Query>>
}

const RELATED = 4

/** Derives from a question what to look for, when, and of whom. */
export function planOf(question: string, library: Library): Plan {
  const { presidents, rest } = presidentsIn(question, library.presidents)
  const { from, to, words } = yearsIn(rest)
  const filter = { from, to, presidents }
  const terms = [...new Set(termsOf(words))]
  const phrases = phrasesIn(words, library)
  const queries: Record<string, Query> = { question: { terms, filter } }
  for (const [a, b] of phrases.slice(0, 2)) queries[`${a} ${b}`] = { terms: [a, b], filter }
  const known = terms.filter((term) => library.frequency(term) > 0)
  const rarest = known.toSorted((a, b) => library.frequency(a) - library.frequency(b))[0]
  if (rarest !== undefined && terms.length > 1) queries[rarest] = { terms: [rarest], filter }
  const related = relatedTerms(known, library)
  if (related.length > 0) queries['related words'] = { terms: [...terms, ...related], filter }
  return { terms, phrases, filter, first: /\b(when|first|earliest|beg[aiu]n)\b/i.test(question), queries }
}

/** Presidents that a question names. A last name alone stands for all who bear it. */
function presidentsIn(question: string, all: readonly string[]): { presidents: string[]; rest: string } {
  const words = wordsOf(question).map((word) => word.replace(/'s?$/, ''))
  const named = all.filter((name) => words.includes(name.split(' ').at(-1) ?? ''))
  const byFirst = named.filter((name) => words.includes(name.split(' ')[0] ?? ''))
  const presidents = byFirst.length > 0 ? byFirst : named
  const parts = new Set(presidents.flatMap((name) => name.split(' ')))
  const rest = question.replace(/[A-Za-z]+(?:'s?)?/g, (word) => (parts.has(word.replace(/'s?$/, '')) ? ' ' : word))
  return { presidents, rest }
}

const FIRST = 1790
const LAST = 2100

/** Years, decades and centuries that a question names, and what is left of it. */
function yearsIn(text: string): { from: number; to: number; words: string } {
  const century = /\b(1[89]|2[01])th[ -]century\b/i.exec(text)
  if (century !== null) return span(text, century[0], (Number(century[1]) - 1) * 100, Number(century[1]) * 100 - 1)
  const between = /\b(?:between|from)\s+(\d{4})\s+(?:and|to|until)\s+(\d{4})\b/i.exec(text)
  if (between !== null) return span(text, between[0], Number(between[1]), Number(between[2]))
  const decade = /\b(\d{3}0)'?s\b/i.exec(text)
  if (decade !== null) return span(text, decade[0], Number(decade[1]), Number(decade[1]) + 9)
  const bound = /\b(since|after|before|until)\s+(\d{4})\b/i.exec(text)
  if (bound !== null) {
    const later = /since|after/i.test(bound[1] ?? '')
    return span(text, bound[0], later ? Number(bound[2]) : FIRST, later ? LAST : Number(bound[2]))
  }
  const year = /\b(1[789]\d\d|20\d\d)\b/.exec(text)
  if (year !== null) return span(text, year[0], Number(year[1]) - 1, Number(year[1]) + 1)
  return { from: FIRST, to: LAST, words: text }
}

const span = (text: string, said: string, from: number, to: number) => ({ from, to, words: text.replace(said, ' ') })

function phrasesIn(words: string, library: Library): (readonly [string, string])[] {
  const all = wordsOf(words).map((word) => (isStopWord(word.toLowerCase()) ? '' : stem(word)))
  const pairs = all.slice(1).map((word, i) => [all[i] ?? '', word] as const)
  return pairs.filter(([a, b]) => a !== '' && b !== '' && library.frequency(a) > 0 && library.frequency(b) > 0)
}

/** Words that keep the company of the terms: found in passages about them, and close to all of them in meaning. */
function relatedTerms(terms: readonly string[], library: Library): string[] {
  if (terms.length === 0) return []
  const everywhere = { from: FIRST, to: LAST, presidents: [] }
  const company = new Map<string, number>()
  for (const { passage } of library.search(terms, everywhere, 40)) {
    const sentences = library.passages[passage]?.sentences ?? []
    for (const term of new Set(termsOf(sentences.join(' ')))) company.set(term, (company.get(term) ?? 0) + 1)
  }
  return [...company]
    .filter(([term, count]) => count >= 4 && !terms.includes(term) && !/^\d/.test(term))
    .map(([term, count]) => [term, count * library.weight(term) * likeness(term, terms, library)] as const)
    .sort((a, b) => b[1] - a[1])
    .slice(0, RELATED)
    .map(([term]) => term)
}

const likeness = (term: string, terms: readonly string[], library: Library): number =>
  Math.max(0, Math.max(...terms.map((other) => library.meaning.likeness(term, other))))
