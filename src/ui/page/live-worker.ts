import { type HubMessage, type HubRequest, LiveHub } from './live-hub.js'

// Owns: the connections of all pages of a browser, in a shared worker.

interface Port {
  postMessage(message: HubMessage): void
  onmessage: ((event: { readonly data: HubRequest | { readonly lock: string } }) => void) | null
}

const hub = new LiveHub(new URL('.', globalThis.location.href).href)

Reflect.set(globalThis, 'onconnect', ({ ports: [port] }: { readonly ports: readonly Port[] }) => {
  if (port === undefined) return
  const listener = (message: HubMessage): void => port.postMessage(message)
  port.onmessage = ({ data }) => {
    if ('lock' in data) void navigator.locks.request(data.lock, () => hub.leave(listener))
    else hub.listen(listener, data)
  }
})
