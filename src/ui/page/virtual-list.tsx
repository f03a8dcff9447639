import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

// Owns: long lists, of which only what is in sight is made.

/** Rows of one height, of which only those in sight are made. */
export function VirtualList(props: {
  readonly count: number
  readonly rowPx: number
  readonly label: string
  readonly role: 'tree' | 'list'
  readonly render: (index: number) => ComponentChildren
  /** The row to keep in sight. */
  readonly reveal?: number | undefined
  /** Called at the end of what there is. */
  readonly more?: (() => void) | undefined
  readonly onScroll?: ((isAtEnd: boolean) => void) | undefined
}): JSX.Element {
  const { count: rows, rowPx, label, role, render, reveal, more, onScroll } = props
  const box = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 800 })
  const measure = (): void => {
    const { scrollTop, clientHeight } = box.current ?? { scrollTop: 0, clientHeight: 800 }
    setView({ top: scrollTop, height: clientHeight })
    if (more !== undefined && scrollTop + clientHeight > (rows - 20) * rowPx) more()
  }
  useEffect(() => {
    measure()
    const observer = new ResizeObserver(measure)
    if (box.current !== null) observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  useEffect(() => {
    const at = box.current
    if (at === null || reveal === undefined || reveal < 0) return
    const top = reveal * rowPx
    if (top < at.scrollTop) at.scrollTop = top - rowPx
    else if (top + rowPx > at.scrollTop + at.clientHeight) at.scrollTop = top + 2 * rowPx - at.clientHeight
  }, [reveal, rows])
  const first = Math.max(0, Math.floor(view.top / rowPx) - 8)
  const last = Math.min(rows, Math.ceil((view.top + view.height) / rowPx) + 8)
  return (
    <div
      class="scroll"
      ref={box}
      tabIndex={-1}
      onScroll={({ currentTarget: at }) => {
        measure()
        onScroll?.(at.scrollTop + at.clientHeight >= at.scrollHeight - 2 * rowPx)
      }}
    >
      <div class="rows" role={role} aria-label={label} style={{ height: `${rows * rowPx}px` }}>
        <div role="presentation" style={{ transform: `translateY(${first * rowPx}px)` }}>
          {Array.from({ length: Math.max(0, last - first) }, (_, i) => render(first + i))}
        </div>
      </div>
    </div>
  )
}
