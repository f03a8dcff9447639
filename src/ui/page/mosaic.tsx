import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { cellsOf } from './cells.js'
import { LETTERS, many } from './words.js'

// Owns: all branches of a map as cells of one picture.

export function Mosaic(props: {
  readonly letters: string
  readonly chosen: number | undefined
  readonly choose: (index: number) => void
  readonly open: (index: number) => void
}): JSX.Element {
  const { letters, chosen, choose, open } = props
  const { cells, each } = cellsOf(letters)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [width, setWidth] = useState(400)
  const [theme, setTheme] = useState(0)
  const size = cells.length > 4000 ? 5 : cells.length > 400 ? 8 : cells.length > 60 ? 14 : 22
  const columns = Math.max(8, Math.floor(width / size))
  const rows = Math.max(1, Math.ceil(cells.length / columns))
  useEffect(() => {
    const box = canvas.current?.parentElement
    if (box == null) return undefined
    const observer = new ResizeObserver(() => setWidth(box.clientWidth))
    observer.observe(box)
    const changed = (): void => setTheme((n) => n + 1)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', changed)
    document.addEventListener('themechange', changed)
    return () => {
      observer.disconnect()
      scheme.removeEventListener('change', changed)
      document.removeEventListener('themechange', changed)
    }
  }, [])
  useEffect(() =>
    draw(canvas.current, cells, { size, columns, rows, chosen: chosen && Math.floor(chosen / each), theme }),
  )
  const counts = new Map<string, number>()
  for (const letter of letters) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  const label = [...counts].map(([letter, n]) => `${n} ${LETTERS[letter] ?? letter}`).join(', ')
  const indexAt = (event: MouseEvent): number => {
    const box = canvas.current?.getBoundingClientRect()
    if (box === undefined) return -1
    const [column, row] = [Math.floor((event.clientX - box.left) / size), Math.floor((event.clientY - box.top) / size)]
    const cell = row * columns + column
    return column < columns && cell < cells.length ? cell * each : -1
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowRight: each, ArrowLeft: -each, ArrowDown: columns * each, ArrowUp: -columns * each }[event.key]
    if (event.key === 'Enter' && chosen !== undefined) open(chosen)
    if (step === undefined) return
    event.preventDefault()
    event.stopPropagation()
    choose(Math.min(letters.length - 1, Math.max(0, (chosen ?? -step) + step)))
  }
  return (
    <div class="mosaic">
      <canvas
        ref={canvas}
        width={columns * size}
        height={rows * size}
        role="img"
        aria-label={`${many(letters.length, 'branch', 'branches')}: ${label}`}
        tabIndex={0}
        onKeyDown={onKeyDown}
        onClick={(event) => {
          const at = indexAt(event)
          if (at >= 0) choose(at)
        }}
        onDblClick={(event) => {
          const at = indexAt(event)
          if (at >= 0) open(at)
        }}
      />
      <p class="unseen" aria-live="polite">
        {chosen !== undefined && `branch ${chosen + 1}, ${LETTERS[letters[chosen] ?? ''] ?? ''}`}
      </p>
      <p class="quiet tiny">{each > 1 && `A cell is ${each} branches. `}Click or arrow keys choose, Enter opens.</p>
    </div>
  )
}

interface Looks {
  readonly size: number
  readonly columns: number
  readonly rows: number
  readonly chosen: number | undefined
  readonly theme: number
}

function draw(canvas: HTMLCanvasElement | null, cells: string, { size, columns, rows, chosen }: Looks): void {
  const pen = canvas?.getContext('2d')
  if (canvas == null || pen == null) return
  const ratio = globalThis.devicePixelRatio || 1
  const [width, height] = [columns * size, rows * size]
  if (canvas.width !== width * ratio) canvas.width = width * ratio
  if (canvas.height !== height * ratio) canvas.height = height * ratio
  canvas.style.width = `${width}px`
  canvas.style.height = `${height}px`
  pen.setTransform(ratio, 0, 0, ratio, 0, 0)
  pen.clearRect(0, 0, width, height)
  const style = getComputedStyle(canvas)
  const gap = size > 6 ? 1 : 0.5
  for (const [letter, status] of Object.entries(LETTERS)) {
    pen.fillStyle = style.getPropertyValue(letter === 'q' ? '--idle' : `--${status}`)
    for (let i = cells.indexOf(letter); i >= 0; i = cells.indexOf(letter, i + 1)) {
      const [x, y] = [(i % columns) * size, Math.floor(i / columns) * size]
      if (letter === 'c') pen.fillRect(x + size / 4, y + size / 4, size / 2, size / 2)
      else pen.fillRect(x, y, size - gap, size - gap)
      if (letter === 'f' && size >= 14) cross(pen, x, y, size - gap, style.getPropertyValue('--paper'))
    }
  }
  if (chosen === undefined) return
  pen.strokeStyle = style.getPropertyValue('--ink')
  pen.lineWidth = 2
  pen.strokeRect((chosen % columns) * size - 0.5, Math.floor(chosen / columns) * size - 0.5, size, size)
}

/** A failure is seen without its colour, too. */
function cross(pen: CanvasRenderingContext2D, x: number, y: number, size: number, color: string): void {
  const inset = size / 3.2
  pen.strokeStyle = color
  pen.lineWidth = 1.5
  pen.beginPath()
  pen.moveTo(x + inset, y + inset)
  pen.lineTo(x + size - inset, y + size - inset)
  pen.moveTo(x + size - inset, y + inset)
  pen.lineTo(x + inset, y + size - inset)
  pen.stroke()
}
