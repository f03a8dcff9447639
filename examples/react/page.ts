import { setImmediate } from 'node:timers/promises'
import { Window } from 'happy-dom'
import type { ReactNode } from 'react'

/** A page on which React draws. */
export interface Page {
  /** Draws, and calls `changed` with the text of the page each time that it changes. */
  render(node: ReactNode, changed: (text: string) => void): void
  /** Removes what was drawn, and the page. */
  close(): Promise<void>
}

/** The names that a browser gives and this platform lacks. */
const missing = ['window', 'document', 'navigator'].filter((name) => !(name in globalThis))

/** Opens a page where there is no browser: happy-dom stands for one. */
export async function openPage(): Promise<Page> {
  const window = new Window()
  const { document, MutationObserver } = window
  for (const name of missing) Reflect.set(globalThis, name, Reflect.get(window, name))
  const { createRoot } = await import('react-dom/client')
  const container = document.createElement('div')
  const root = createRoot(container)
  return {
    render(node, changed) {
      const observer = new MutationObserver(() => changed(container.textContent))
      observer.observe(container, { childList: true, characterData: true, subtree: true })
      root.render(node)
    },
    async close() {
      root.unmount()
      await window.happyDOM.close()
      // React's scheduler works in immediates, and reads `window` in each: it may have a few to go.
      for (let turn = 0; turn < 10; turn++) await setImmediate()
      for (const name of missing) Reflect.deleteProperty(globalThis, name)
    },
  }
}
