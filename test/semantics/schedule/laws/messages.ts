import type { Law } from './check.js'

const ORDER = 'messages are taken in order, each once'

/** Mailboxes: what was taken up or kept is heard in the order sent, by its receiver, once. */
export const messages: Law = (entries, _plan, tell) => {
  const boxes = new Map<string, number[]>()
  const box = (path: string, from: string): number[] => {
    const id = `${from === '' ? 'outside' : 'siblings'} ${path}`
    const known = boxes.get(id) ?? []
    boxes.set(id, known)
    return known
  }
  for (const entry of entries) {
    if (entry.kind === 'heard') {
      const next = box(entry.path, entry.from).shift()
      if (next !== entry.serial)
        tell(ORDER, `${entry.path} heard ${entry.serial}, ${next ?? 'nothing'} was next`, entry.turn)
    }
    if (entry.kind !== 'event') continue
    const { event, path } = entry
    if (event.type === 'run.start' && path === '') boxes.clear()
    if (event.type !== 'message' || (event.delivery !== 'delivered' && event.delivery !== 'queued')) continue
    const { serial } = event.message.body as { readonly serial: number }
    box(path, event.message.from).push(serial)
  }
}
