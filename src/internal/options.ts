import { describeValue, isPlainObject } from './guards.js'
import { quote, suggest } from './nearest.js'

/**
 * Rejects options that are not a record, and unknown options.
 * @param known names of the options, separated by spaces
 * @throws {TypeError} naming the first unknown one, with near matches
 */
export function checkOptions(subject: string, options: unknown, known: string): void {
  const names = known.split(' ')
  if (!isPlainObject(options)) {
    throw new TypeError(
      `${subject} takes a record of options, not ${describeValue(options)}. Known options: ${names.map(quote).join(', ')}.`,
    )
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new TypeError(`${subject} has no option "${unknown}". ${suggest(unknown, names, 'options')}`)
}

/**
 * Rejects an option that is not a function.
 * @param shape its notation: `reduce: ({ results }) => update`
 * @throws {TypeError}
 */
export function assertFunction(subject: string, shape: string, given: unknown): void {
  if (typeof given === 'function') return
  throw new TypeError(`${subject} needs ${shape}${given === undefined ? '' : `, not ${describeValue(given)}`}.`)
}
