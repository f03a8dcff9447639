import type { ComponentChildren } from 'preact'
import { useEffect, useErrorBoundary } from 'preact/hooks'
import { Problem } from './parts.js'
import { href, query, route } from './route.js'

// Owns: a screen that cannot be drawn. What it shows comes of logs, files and stores, which may have anything.

/** Draws a screen, or why it cannot be drawn. Another address is drawn anew. */
export function Guarded({ children }: { readonly children: ComponentChildren }) {
  const [error, again] = useErrorBoundary() as readonly [unknown, () => void]
  useEffect(() => {
    if (error !== undefined) again()
  }, [route.value, query.value])
  if (error === undefined) return <>{children}</>
  return (
    <div class="page">
      <h1>This screen cannot be drawn</h1>
      <Problem error={error instanceof Error ? error : new Error(String(error))} />
      <p>A value that it shows has a form that this page does not know. Other screens are not touched.</p>
      <p class="buttons">
        <button type="button" onClick={again}>
          Try again
        </button>
        <a class="button" href={href([])}>
          All projects
        </a>
      </p>
    </div>
  )
}
