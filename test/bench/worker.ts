import { cases } from './cases.js'
import { median } from './measure.js'

// One case in a process of its own: garbage of one case does not slow another.
if (import.meta.resolve('xstate').includes('development'))
  throw new RangeError('This is the development build of xstate.')
const found = cases.find(({ name }) => name === process.argv[2])
if (found === undefined) throw new RangeError(`There is no case ${process.argv[2]}.`)
const { name, unit, target } = found
const { samples, baseline, skipped } = await found.run()
const value = skipped === undefined ? median(samples) : 0
console.log(
  JSON.stringify({
    case: name,
    value,
    unit,
    baseline,
    target: target ?? null,
    ok: skipped !== undefined || target === undefined || value <= target,
    ...(skipped !== undefined && { skipped }),
    samples,
  }),
)
