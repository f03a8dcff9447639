// How text becomes words. The same for the addresses and for the question, so that both meet.

const STOP = new Set(
  `a about above after again against all also am an and any are as at be because been before being below between both
  but by can could did do does doing done during each ever few for from further get give had has have having he her here
  hers him his how i if in into is it its itself just let may me might more most much must my no nor not now of off on
  once only or other our out over own same shall she should since so some such than that the their them then there these
  they this those through to too under until up upon us very was way we were what when where which while who whom whose
  why will with would you your said say says saying many made make`.split(/\s+/),
)

/** Words that ask, and name no subject: left out of a question as long as something else is left in it. */
const ASKING = new Set(
  `president presidential presidency address speech speak spoke spoken mention mentioned talk talked talking tell told
  begin began begun start started first earliest last latest time year want wanted go went goe going gone call called
  promise promised think thought believe believed feel felt describe described discuss discussed warn warned handle
  happen happened explain explained argue argued claim claimed view opinion attitude stance position response reaction
  react idea thing matter topic subject regard regarding concerning compare mean meant come came know knew find found
  need ask asked propose proposed big great important`.split(/\s+/),
)

const IRREGULAR: Readonly<Record<string, string>> = { women: 'woman', men: 'man', children: 'child', wives: 'wife' }

/** True for words that only ask. */
export const onlyAsks = (word: string): boolean => ASKING.has(word.toLowerCase())

/** `Railroads` and `railroad` as one: lower case, without plural and possessive. */
export function stem(word: string): string {
  const bare = word.toLowerCase().replace(/'s?$/, '')
  const irregular = IRREGULAR[bare]
  if (irregular !== undefined) return irregular
  if (bare.length > 4 && bare.endsWith('ies')) return `${bare.slice(0, -3)}y`
  if (bare.length > 4 && /(?:ss|x|ch|sh)es$/.test(bare)) return bare.slice(0, -2)
  return bare.length > 3 && /[^sui]s$/.test(bare) ? bare.slice(0, -1) : bare
}

const SUFFIX =
  /(?<=.{5})ions?$|(?<=.{4})(?:ations?|ates?|ated|ating|ants?|ism|ists?|ers?|ment|al|ally|ive|ity|ery|y|e)$|(?<=.{3})(?:ing|ed|er|e)$/

/** What words of one family share: `voting`, `voted` and `votes`. Coarse: strangers may share it too. */
export const rootOf = (term: string): string => term.replace(SUFFIX, '')

const known = new Map<string, string>()

/** The term that a word stands for; empty for words that say nothing. */
export function termOf(word: string): string {
  let term = known.get(word)
  if (term === undefined) {
    const lower = word.toLowerCase()
    term = lower.length < 2 || STOP.has(lower) ? '' : stem(word)
    known.set(word, term)
  }
  return term
}

const WORD = /[A-Za-z][A-Za-z']*|\d+/g

/** The words of a text, as they stand. */
export const wordsOf = (text: string): string[] => text.match(WORD) ?? []

/** The terms of a text, in their order. */
export const termsOf = (text: string): string[] => wordsOf(text).flatMap((word) => termOf(word) || [])

const ABBREVIATION = /(?:\b(?:Mr|Mrs|Ms|Dr|Gen|Gov|Sen|Rep|St|No|vs|etc|U\.S|D\.C|Jr|Sr|Hon|Messrs|[A-Z])\.)\s*$/

/** The sentences of a text. */
export function sentencesOf(text: string): string[] {
  const sentences: string[] = []
  let open = ''
  for (const piece of text.split(/(?<=[.!?]["”')\]]*)\s+(?=["“'([]?[A-Z0-9])/)) {
    open = open === '' ? piece : `${open} ${piece}`
    if (ABBREVIATION.test(open)) continue
    sentences.push(open.trim())
    open = ''
  }
  if (open !== '') sentences.push(open.trim())
  return sentences
}
