// How text becomes words. The same for the addresses and for the question, so that both meet.

const STOP = new Set(
  `a about above after again against all also am an and any are as at be because been before begin began begun being
  below between both but by can could did do does doing done during each ever few first for from further get give had
  has have having he her here hers him his how i if in into is it its itself just last let many may me might more most
  mention mentioned much must my no nor not now of off on once one only or other our out over own said same say says saying see shall she
  should since so some speak spoke spoken speech such talk talked tell than that the their them then there these they
  think this those through time to told too under until up upon us very want was way we were what when where which while
  who whom why will with would year years you your president presidents presidential union address addresses`.split(
    /\s+/,
  ),
)

/** True for words that say nothing of a subject. */
export const isStopWord = (word: string): boolean => STOP.has(word) || word.length < 2

/** `Railroads` and `railroad` as one: lower case, without plural and possessive. */
export function stem(word: string): string {
  const bare = word.toLowerCase().replace(/'s?$/, '')
  if (bare.length > 4 && bare.endsWith('ies')) return `${bare.slice(0, -3)}y`
  if (bare.length > 4 && /(?:ss|x|ch|sh)es$/.test(bare)) return bare.slice(0, -2)
  return bare.length > 3 && /[^sui]s$/.test(bare) ? bare.slice(0, -1) : bare
}

/** The words of a text, as they stand. */
export const wordsOf = (text: string): string[] => text.match(/[A-Za-z][A-Za-z']*|\d+/g) ?? []

/** The stems of a text that say something. */
export const termsOf = (text: string): string[] =>
  wordsOf(text)
    .filter((word) => !isStopWord(word.toLowerCase()))
    .map(stem)

const ABBREVIATION = /(?:\b(?:Mr|Mrs|Ms|Dr|Gen|Gov|Sen|Rep|St|No|vs|etc|U\.S|D\.C|Jr|Sr|Hon|Messrs|[A-Z])\.)\s*$/

/** The sentences of a text. */
export function sentencesOf(text: string): string[] {
  const sentences: string[] = []
  let open = ''
  for (const piece of text.split(/(?<=[.!?]["')\]]*)\s+(?=["'([]?[A-Z0-9])/)) {
    open = open === '' ? piece : `${open} ${piece}`
    if (ABBREVIATION.test(open)) continue
    sentences.push(open.trim())
    open = ''
  }
  if (open !== '') sentences.push(open.trim())
  return sentences
}
