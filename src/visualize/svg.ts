import type { AnyRunnable } from '../action/action.js'
import { withPassed } from './branch-counts.js'
import { drawLaid, textsOf } from './drawing.js'
import { layoutOf } from './layout.js'
import type { PictureOptions } from './picture.js'
import { pictureOf } from './picture-of.js'
import type { RunMarks } from './run-marks.js'
import { pictureOfRun } from './run-picture.js'

/** Options of an SVG picture. */
export interface SvgOptions extends PictureOptions {
  /** Layout direction. Default `'TB'`, from top to bottom. */
  readonly direction?: 'TB' | 'LR'
  /** Colours for a light or a dark page. Default `'light'`. */
  readonly theme?: 'light' | 'dark'
  /** Whether actions show the keys that they read and write. Default false. */
  readonly state?: boolean
  /** What a run did, from `readMarks`: statuses, numbers of steps, branches and ways taken. */
  readonly run?: RunMarks | undefined
}

/**
 * Renders a runnable graph as an SVG picture. It has no script, no style sheet and no font of its own, so that it can be
 * put into any page. At most twelve branches of a map are drawn.
 *
 * Each action is a `g` with `data-path`, its address: `draft`, `compare/gpt4/draft`, `compare/*` and `draft` behind it for the branches that
 * are known only when the map runs.
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const picture = toSvg(counter.graph({ actions: { add } }).runnable({ entrypoint: 'add' }), { theme: 'dark' })
 * picture.startsWith('<svg xmlns="http://www.w3.org/2000/svg"') // true
 * ```
 */
export function toSvg(branch: AnyRunnable, options: SvgOptions = {}): string {
  const { depth = 1, direction = 'TB', run, ...rest } = options
  const picture = pictureOfRun(pictureOf(branch, { depth }), run, { depth })
  const looks = { ...rest, run: run && withPassed(picture, run) }
  return drawLaid(layoutOf(picture, { direction, ...textsOf(looks) }), looks)
}
