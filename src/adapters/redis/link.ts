// Owns: the part of a client of ioredis that the adapter uses.

/** A connection to a server or to a cluster: a client of ioredis that connects when it is told to. */
export interface RedisLink {
  readonly status: string
  connect(): Promise<void>
  call(command: string, args: string[]): Promise<unknown>
  info(section: 'memory'): Promise<string>
  subscribe(...channels: string[]): Promise<unknown>
  unsubscribe(...channels: string[]): Promise<unknown>
  on(event: 'error' | 'ready' | 'end' | 'message', listener: (given: unknown) => void): unknown
  quit(): Promise<unknown>
  disconnect(): void
}
