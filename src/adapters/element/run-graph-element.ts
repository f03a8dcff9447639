import { liveRunsOf, pictureQuestion } from '../../client/live-runs.js'
import { createRunClient } from '../../client/run-client.js'
import { checkOptions } from '../../internal/options.js'
import { drawLaid } from '../../visualize/drawing.js'

// Owns: the picture of a run as an element of HTML.
// E1  It reads while it is in a document. Removed, it has no stream and no request. The elements of one server and project
//     share one stream.

/** Options of {@link defineRunGraph}. */
export interface RunGraphOptions {
  /** The name of the element. Default `run-graph`. */
  readonly name?: string | undefined
  /** Default: the global one. */
  readonly fetch?: typeof fetch | undefined
}

/** What is used of an element: the library of the DOM is no part of these types. */
interface Shadow {
  innerHTML: string
  querySelector(selector: string): { readonly style: { maxWidth: string; height: string } } | null
}
interface ElementLike {
  readonly isConnected: boolean
  getAttribute(name: string): string | null
  attachShadow(init: { readonly mode: 'open' }): Shadow
  dispatchEvent(event: Event): boolean
}
interface Page {
  readonly HTMLElement?: new () => ElementLike
  readonly customElements?: { get(name: string): unknown; define(name: string, made: unknown): void }
  readonly document?: { readonly baseURI: string }
}

/**
 * Defines the element `<run-graph src="/ui" run="order-7">`: the graph of a run with what the run does, as it goes on. It works
 * in any page, with any framework or none. A second call does nothing, and neither does one where there is no page.
 *
 * Attributes: `src`, where the handler is mounted; `run`, the id; `project`, `partition`, and `theme`, which is `light` or `dark`. It
 * fires `run-graph-error` with a `detail`, why the run cannot be read.
 *
 * @example
 * ```ts no-run
 * defineRunGraph()
 * document.body.innerHTML = '<run-graph src="/ui" run="order-7"></run-graph>'
 * ```
 */
export function defineRunGraph(options: RunGraphOptions = {}): void {
  checkOptions('defineRunGraph', options, 'name fetch')
  const { name = 'run-graph', fetch: given } = options
  const { HTMLElement, customElements } = globalThis as Page
  if (HTMLElement === undefined || customElements === undefined || customElements.get(name) !== undefined) return
  const clients = new Map<string, ReturnType<typeof createRunClient>>()
  const clientOf = (src: string, project: string | undefined) => {
    const base = (globalThis as Page).document?.baseURI
    const baseUrl = new URL(src, base).href
    const key = JSON.stringify([baseUrl, project])
    const known = clients.get(key) ?? createRunClient({ baseUrl, project, fetch: given })
    clients.set(key, known)
    return known
  }
  customElements.define(
    name,
    class extends HTMLElement {
      static readonly observedAttributes = ['src', 'run', 'project', 'partition', 'theme']
      readonly #shadow = this.attachShadow({ mode: 'open' })
      #leave: (() => void) | undefined

      connectedCallback(): void {
        this.#follow()
      }

      disconnectedCallback(): void {
        this.#leave?.()
        this.#leave = undefined
      }

      attributeChangedCallback(): void {
        if (this.isConnected) this.#follow()
      }

      #follow(): void {
        const before = this.#leave
        this.#leave = this.#listen()
        before?.()
      }

      #listen(): (() => void) | undefined {
        const at = (attribute: string): string | undefined => this.getAttribute(attribute) ?? undefined
        const [runId, theme] = [at('run'), at('theme') === 'dark' ? 'dark' : 'light'] as const
        if (runId === undefined) {
          this.#shadow.innerHTML = ''
          return undefined
        }
        const ref = { runId, partitionKey: at('partition') ?? null }
        const first = { data: undefined, error: undefined, isLoading: true, isLive: false }
        const live = liveRunsOf(clientOf(at('src') ?? '.', at('project')))
        const answer = live.answer(JSON.stringify(['picture', ref]), pictureQuestion(ref), first)
        let shown: unknown = ref // nothing yet
        let told: unknown
        const show = (): void => {
          const { data, error } = answer.snapshot
          if (error !== told && error !== undefined) {
            this.dispatchEvent(Object.assign(new Event('run-graph-error', { bubbles: true }), { detail: error }))
          }
          told = error
          if (data === shown) return
          shown = data
          // V1 of visualize/drawing.ts: no text in it is markup.
          this.#shadow.innerHTML = data?.laid ? drawLaid(data.laid.laid, { theme, state: true, run: data.marks }) : ''
          const svg = this.#shadow.querySelector('svg')
          if (svg !== null) Object.assign(svg.style, { maxWidth: '100%', height: 'auto' })
        }
        show()
        return answer.subscribe(show)
      }
    },
  )
}
