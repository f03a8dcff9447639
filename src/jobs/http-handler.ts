// Owns: the answers of a worker to requests about it: `/healthz`, `/metrics`.

/** Whether a worker works. */
export interface WorkerHealth {
  /** Whether it takes jobs, and reaches its engine. */
  readonly ok: boolean
  readonly status: 'starting' | 'ready' | 'draining' | 'closed'
  /** Jobs that run, and jobs that wait for a message. */
  readonly running: number
  readonly paused: number
  /** Why it is not `ok`. */
  readonly why?: string
}

/** A request of `node:http`. */
export interface HttpRequest {
  readonly url?: string | undefined
}

/** A response of `node:http`. */
export interface HttpResponse {
  /** Begins with its status and its headers. */
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown
  /** Ends with its text. */
  end(text: string): unknown
}

/** A worker, as it is asked. */
interface Asked {
  health(): Promise<WorkerHealth>
  metrics(): string
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

async function answerTo(path: string, worker: Asked): Promise<Answer> {
  if (path === '/healthz') {
    const health = await worker.health()
    return { status: health.ok ? 200 : 503, type: 'application/json', text: JSON.stringify(health) }
  }
  if (path === '/metrics')
    return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', text: worker.metrics() }
  return { status: 404, type: 'text/plain; charset=utf-8', text: 'There are /healthz and /metrics.\n' }
}

const pathOf = (url: string): string => new URL(url, 'http://worker').pathname

/** Answers a request of `node:http`. */
export async function respond(request: HttpRequest, response: HttpResponse, worker: Asked): Promise<void> {
  const { status, type, text } = await answerTo(pathOf(request.url ?? '/'), worker)
  response.writeHead(status, { 'content-type': type })
  response.end(text)
}

/** Answers a request of the web platform. */
export async function responseTo(request: Request, worker: Asked): Promise<Response> {
  const { status, type, text } = await answerTo(pathOf(request.url), worker)
  return new Response(text, { status, headers: { 'content-type': type } })
}
