import { type CSSProperties, createElement, type ReactNode, useMemo } from 'react'
import { pictureQuestion } from '../../client/live-runs.js'
import { fromDataPath } from '../../visualize/data-path.js'
import { drawLaid } from '../../visualize/drawing.js'
import { type RunGiven, targetOf, useAnswer } from './hooks.js'

// Owns: the picture of a run as a component.

/** Props of {@link RunGraph}. */
export interface RunGraphProps {
  /** Its id, or with its partition. */
  readonly run: RunGiven
  /** Default `'light'`. */
  readonly theme?: 'light' | 'dark' | undefined
  /** Shown while there is no picture: it loads, or the server has no graph of the run. */
  readonly fallback?: ReactNode
  /** Called with the address of a clicked action or branch: `compare/gpt4/draft`. */
  readonly onOpen?: ((path: string) => void) | undefined
  readonly className?: string | undefined
  readonly style?: CSSProperties | undefined
}

/** What a click tells of its place. */
interface Clicked {
  closest(selector: string): { getAttribute(name: string): string | null } | null
}

/**
 * Draws the graph of a run, with what the run does: statuses, numbers of steps and branches, ways taken. It is the picture of
 * `toSvg`, laid out by the server. Each branch of a map is a box of its own, up to twelve; with a thirteenth, one stands for all.
 * Nothing else moves while the run goes on.
 *
 * @example
 * ```ts no-run
 * const element = createElement(RunGraph, { run: 'order-7', theme: 'dark', fallback: 'no graph' })
 * element.props.run // 'order-7'
 * ```
 */
export function RunGraph({
  run,
  theme = 'light',
  fallback = null,
  onOpen,
  className,
  style,
}: RunGraphProps): ReactNode {
  const target = targetOf(run)
  const { data } = useAnswer('picture', target, target && pictureQuestion(target), {})
  const { laid, marks } = data ?? {}
  const svg = useMemo(() => laid && drawLaid(laid.laid, { theme, state: true, run: marks }), [laid, marks, theme])
  if (svg === undefined) return fallback
  return createElement('div', {
    className,
    style,
    ...(onOpen !== undefined && {
      onClick({ target: at }: { readonly target: unknown }) {
        const path = (at as Clicked).closest('g[data-path]')?.getAttribute('data-path')
        if (typeof path === 'string') onOpen(fromDataPath(path))
      },
    }),
    // Every text in it is escaped where it is drawn (V1 of visualize/drawing.ts); everything else in it is a number or a
    // name that the renderer has itself.
    dangerouslySetInnerHTML: { __html: svg },
  })
}
