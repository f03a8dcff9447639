import { signal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

// Owns: what stands over the page: one dialog, one notice.

/** Focus that a part of the page has lost goes back to where it was; to the content, if that is gone too. */
export function keepFocus(from?: Element | null): void {
  requestAnimationFrame(() => {
    if (document.activeElement !== null && document.activeElement !== document.body) return
    const to = from instanceof HTMLElement && from.isConnected && from !== document.body ? from : undefined
    const place = to ?? document.querySelector<HTMLElement>('#main')
    place?.focus({ preventScroll: true })
  })
}

/** A dialog over the page. Escape closes it; focus goes back to where it was. */
export function Dialog(props: {
  readonly title: string
  readonly close: () => void
  readonly children: ComponentChildren
}): JSX.Element {
  const box = useRef<HTMLDialogElement>(null)
  // Before the next key: what is typed at once belongs to the dialog.
  useLayoutEffect(() => {
    const from = document.activeElement
    box.current?.showModal()
    return () => keepFocus(from)
  }, [])
  return (
    <dialog ref={box} onClose={props.close} aria-label={props.title}>
      <header class="dialog-head">
        <h2>{props.title}</h2>
        <button type="button" class="small" onClick={() => box.current?.close()}>
          Close
        </button>
      </header>
      {props.children}
    </dialog>
  )
}

/** The dialog that is open. */
export const dialog = signal<(() => JSX.Element) | undefined>(undefined)
export const closeDialog = (): void => {
  dialog.value = undefined
}

/** What was just done, or could not be, for a moment. */
export const notice = signal<{ readonly text: string; readonly error?: Error } | undefined>(undefined)
