import { batch, signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { StreamFrame } from '../../client/api.js'
import { isFile, serverUrl } from './client.js'
import { type HubMessage, type HubRequest, LiveHub, type LiveState } from './live-hub.js'

// Owns: what this page hears of the server.
// Does not own: the connection (live-hub.ts); pages of one browser share it.
// All that comes in one frame of the screen is one change of the page.

type Hear = (frame: StreamFrame) => void

/** The connection of the project that is shown. */
export const liveState = signal<{ readonly state: LiveState; readonly retryMs?: number | undefined }>({ state: 'off' })

/** The run that is shown: whether it has ended, and its last event that was read. */
export const shownRun = signal<{ readonly isOver: boolean; readonly seq: number | undefined } | undefined>(undefined)

const heard = new Map<string, Map<string, Set<Hear>>>()
const send = connect()

function connect(): (request: HubRequest) => void {
  if (typeof SharedWorker === 'undefined') {
    const hub = new LiveHub(serverUrl)
    return (request) => hub.listen(receive, request)
  }
  const { port } = new SharedWorker(new URL('live.js', import.meta.url), {
    type: 'module',
    name: `teasel ${serverUrl}`,
  })
  port.onmessage = ({ data }: MessageEvent<HubMessage>) => receive(data)
  // The worker waits for this lock, which a page holds until it is gone, also when it crashed.
  const lock = `teasel-page-${Math.random()}`
  void navigator.locks?.request(lock, () => {
    port.postMessage({ lock })
    return new Promise(() => {})
  })
  return (request) => port.postMessage(request)
}

const topicsOf = (project: string): readonly string[] => [...(heard.get(project)?.keys() ?? [])]

const announced = new Set<string>()
/** Topics that change together are sent together. */
function announce(project: string): void {
  if (announced.size === 0)
    queueMicrotask(() => {
      for (const one of announced) send({ project: one, topics: topicsOf(one) })
      announced.clear()
    })
  announced.add(project)
}
addEventListener('pagehide', () => {
  for (const project of heard.keys()) send({ project, topics: [] })
})
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) for (const project of heard.keys()) announce(project)
})

const waiting: HubMessage[] = []
let timer: ReturnType<typeof setTimeout> | undefined
/** A page that is not seen has no frames. */
const HIDDEN_MS = 250

function receive(message: HubMessage): void {
  if (waiting.push(message) > 1) return
  const frame = requestAnimationFrame(deliver)
  timer = setTimeout(() => {
    cancelAnimationFrame(frame)
    deliver()
  }, HIDDEN_MS)
}

function deliver(): void {
  clearTimeout(timer)
  batch(() => {
    for (const message of waiting.splice(0)) {
      if ('state' in message) {
        liveState.value = { state: message.state, retryMs: message.retryMs }
        continue
      }
      const { project, frame } = message
      const topics = heard.get(project)
      for (const topic of topicsIn(frame)) for (const hear of topics?.get(topic) ?? []) hear(frame)
    }
  })
}

/** A topic is told that its stream has begun, too: what changed since it was read is read then. */
function topicsIn(frame: StreamFrame): readonly string[] {
  if (frame.type === 'hello') return frame.topics
  if (frame.type === 'batch') return Object.keys(frame.topics)
  return frame.type === 'tree' || frame.type === 'reset' ? [frame.topic] : []
}

/** Hears a topic of a project until the returned function is called. */
export function listen(project: string, topic: string, hear: Hear): () => void {
  if (isFile(project)) return () => {}
  const topics = heard.get(project) ?? new Map<string, Set<Hear>>()
  heard.set(project, topics)
  const those = topics.get(topic) ?? new Set()
  topics.set(topic, those)
  those.add(hear)
  announce(project)
  return () => {
    those.delete(hear)
    if (those.size === 0) topics.delete(topic)
    announce(project)
  }
}

/** Tells which run is shown, while it is. */
export function useShownRun(isOver: boolean, seq: number | undefined): void {
  useEffect(() => {
    shownRun.value = { isOver, seq }
  }, [isOver, seq])
  useEffect(
    () => () => {
      shownRun.value = undefined
    },
    [],
  )
}

/** Hears a topic while a component is shown. */
export function useTopic(project: string, topic: string | undefined, hear: Hear): void {
  useEffect(() => (topic === undefined ? undefined : listen(project, topic, hear)), [project, topic])
}
