import { useEffect, useRef, useState } from 'preact/hooks'
import { memory } from './memory.js'

// Owns: the borders between panes.

/** The border between two panes, to be dragged. @param name of the CSS variable with the width of a pane */
export function Splitter({
  name,
  sign,
  label,
}: {
  readonly name: string
  readonly sign: 1 | -1
  readonly label: string
}) {
  const line = useRef<HTMLHRElement>(null)
  const [width, setWidth] = useState(() => Number(memory.get(`teasel${name}`)) || 0)
  useEffect(() => {
    const panes = line.current?.parentElement
    if (width > 0) panes?.style.setProperty(name, `${width}px`)
  }, [width])
  const widthNow = (): number => {
    const pane = sign === 1 ? line.current?.previousElementSibling : line.current?.nextElementSibling
    return pane?.getBoundingClientRect().width ?? 300
  }
  const set = (to: number): void => {
    const next = Math.round(Math.min(Math.max(180, to), globalThis.innerWidth - 320))
    setWidth(next)
    memory.set(`teasel${name}`, String(next))
  }
  return (
    <hr
      class="splitter"
      ref={line}
      role="separator"
      aria-orientation="vertical"
      aria-label={label}
      aria-valuenow={width || 300}
      aria-valuemin={180}
      aria-valuemax={2000}
      tabIndex={0}
      onKeyDown={(event) => {
        const step = event.key === 'ArrowRight' ? 24 : event.key === 'ArrowLeft' ? -24 : 0
        if (step === 0) return
        event.preventDefault()
        event.stopPropagation()
        set(widthNow() + sign * step)
      }}
      onPointerDown={(event) => {
        const [start, before] = [event.clientX, widthNow()]
        event.currentTarget.setPointerCapture(event.pointerId)
        event.currentTarget.onpointermove = ({ clientX }) => set(before + sign * (clientX - start))
        event.currentTarget.onpointerup = ({ currentTarget }) => {
          if (currentTarget instanceof HTMLElement) currentTarget.onpointermove = null
        }
      }}
    />
  )
}
