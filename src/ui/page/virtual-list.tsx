import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

// Owns: long lists, of which only what is in sight is made.
// V1  What is in sight stays there when rows come or go above it.
// V2  A row is brought into sight when it becomes the one to reveal, or its list begins to follow it; not each time the
//     list changes.

const FIRST_PX = 800

/** Rows of one height, of which only those in sight are made. */
export function VirtualList(props: {
  readonly count: number
  readonly rowPx: number
  readonly label: string
  readonly role: 'tree' | 'list'
  readonly render: (index: number) => ComponentChildren
  /** The row to bring into sight. */
  readonly reveal?: number | undefined
  /** Whether a reader asks for that row. */
  readonly isFollowing?: boolean
  /** The id of a row, which is the same when other rows come or go. Default: its index. */
  readonly idOf?: (index: number) => string | undefined
  /** Called at the end of what there is. */
  readonly more?: (() => void) | undefined
  readonly onScroll?: ((isAtEnd: boolean) => void) | undefined
}): JSX.Element {
  const {
    count: rows,
    rowPx,
    label,
    role,
    render,
    reveal = -1,
    isFollowing = false,
    idOf = String,
    more,
    onScroll,
  } = props
  const box = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: Math.max(0, (reveal + 2) * rowPx - FIRST_PX), height: FIRST_PX })
  const top = useRef<{ index: number; id: string | undefined }>({ index: 0, id: undefined })
  const measure = (): void => {
    const { scrollTop, clientHeight } = box.current ?? { scrollTop: 0, clientHeight: FIRST_PX }
    setView({ top: scrollTop, height: clientHeight })
    if (more !== undefined && scrollTop + clientHeight > (rows - 20) * rowPx) more()
  }
  useEffect(() => {
    measure()
    const observer = new ResizeObserver(measure)
    if (box.current !== null) observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  /** Before the screen is drawn: nothing is seen at another place in between. */
  const scrollTo = (px: number): void => {
    if (box.current === null) return
    box.current.scrollTop = px
    measure()
  }
  // V1
  useLayoutEffect(() => {
    const at = box.current
    const { index, id } = top.current
    if (at === null || id === undefined || idOf(index) === id) return
    for (let i = 0; i < rows; i++) if (idOf(i) === id) return scrollTo(at.scrollTop + (i - index) * rowPx)
  })
  const revealed = useRef<{ id: string | undefined; isFollowing: boolean }>({ id: undefined, isFollowing })
  // V2
  useLayoutEffect(() => {
    const at = box.current
    const before = revealed.current
    const id = reveal < 0 ? undefined : idOf(reveal)
    revealed.current = { id, isFollowing }
    if (at === null || id === undefined || (id === before.id && (!isFollowing || before.isFollowing))) return
    const px = reveal * rowPx
    if (px < at.scrollTop) scrollTo(px - rowPx)
    else if (px + rowPx > at.scrollTop + at.clientHeight) scrollTo(px + 2 * rowPx - at.clientHeight)
  })
  useLayoutEffect(() => {
    const index = Math.floor((box.current?.scrollTop ?? 0) / rowPx)
    top.current = { index, id: idOf(index) }
  })
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
