import { Window } from 'happy-dom'
import type { ReactNode } from 'react'

/** A page on which React draws. */
export interface Page {
  /** Draws, and calls `changed` with the text of the page each time that it changes. */
  render(node: ReactNode, changed: (text: string) => void): void
  /** Removes what was drawn, and the page. */
  close(): Promise<void>
}

/** Opens a page where there is no browser: happy-dom stands for one. */
export async function openPage(): Promise<Page> {
  const window = new Window()
  const { document, navigator, MutationObserver } = window
  const globals = Object.entries({ window, document, navigator }).filter(([name]) => !(name in globalThis))
  Object.assign(globalThis, Object.fromEntries(globals))
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
      for (const [name] of globals) Reflect.deleteProperty(globalThis, name)
    },
  }
}
