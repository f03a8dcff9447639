import Module, { createRequire } from 'node:module'
import { Window } from 'happy-dom'
import type { ReactNode } from 'react'
import { vi } from 'vitest'
import { defer } from '../support/deferred.js'

// The hooks with React 19, and with React 18, on a page of happy-dom.

const require = createRequire(import.meta.url)

export const pageWindow = new Window({ url: 'http://localhost/' })
for (const name of ['window', 'document', 'navigator', 'HTMLElement', 'customElements'])
  Object.defineProperty(globalThis, name, { value: Reflect.get(pageWindow, name), configurable: true, writable: true })

type Named = (request: string, parent: { readonly filename?: string } | undefined, ...rest: unknown[]) => string
const modules = Module as unknown as { _resolveFilename: Named }
const named = modules._resolveFilename
// React DOM 18 asks for `react`, where the one of 19 is.
modules._resolveFilename = function (request, parent, ...rest) {
  const isOld = /^react(-dom)?$/.test(request) && /node_modules\/react-dom-18\//.test(parent?.filename ?? '')
  return named.call(this, isOld ? `${request}-18` : request, parent, ...rest)
}

type React = typeof import('react')
type Dom = typeof import('react-dom/client')
type Server = typeof import('react-dom/server')

/** The modules of one version, and the hooks over it. */
export async function reactOf(major: 18 | 19) {
  const isOld = major === 18
  const react = (isOld ? require('react-18') : require('react')) as React
  vi.resetModules()
  vi.doMock('react', () => ({ ...react, default: react }))
  return {
    react,
    ...(await import('teasel/react')),
    ...(await import('../../src/client/live-runs.js')),
    ...(await import('./parts.js')),
    dom: (isOld ? require('react-dom-18/client') : require('react-dom/client')) as Dom,
    server: (isOld ? require('react-dom-18/server') : require('react-dom/server')) as Server,
  }
}
export type Version = Awaited<ReturnType<typeof reactOf>>

/** A container, what is in it, and its changes. */
export function containerOf() {
  const at = pageWindow.document.createElement('div')
  pageWindow.document.body.append(at)
  let changed = defer<void>()
  const observer = new pageWindow.MutationObserver(() => {
    changed.resolve()
    changed = defer()
  })
  observer.observe(at, { childList: true, characterData: true, subtree: true, attributes: true })
  const until = async (holds: (text: string) => boolean): Promise<string> => {
    while (!holds(at.textContent)) await changed.promise
    return at.textContent
  }
  return { at, element: at as unknown as Parameters<Dom['createRoot']>[0], until }
}

/** Draws into a new container. */
export function shown({ dom }: Version, node: ReactNode) {
  const container = containerOf()
  const root = dom.createRoot(container.element)
  root.render(node)
  return { ...container, render: (next: ReactNode) => root.render(next), unmount: () => root.unmount() }
}
