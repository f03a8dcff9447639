import type { Path } from '../../../src/action/context.js'
import { type AnyEvent, type CancelCause, type EventType, OBSERVABLE_TYPES } from '../../../src/lifecycle/events.js'
import type { InterceptedStep, Outcome } from '../../../src/lifecycle/interceptor.js'
import type { Due, Pending } from '../../../src/lifecycle/pending.js'
import type { WaitsFor } from '../../../src/runtime/map/branch-handle.js'
import type { CommittedStep } from '../../../src/runtime/run/request.js'
import type { Leak } from '../../../src/runtime/run/result.js'
import type { State } from '../../../src/state/freeze.js'

// Owns: the frames between a branch that lives behind a channel and its owner. Both ends check each one.
// F1  A frame is data: it crosses as text of the codec. Programs, trackers and limits cross by reference.

/** Where an application stands, as data. */
export interface CheckpointData {
  readonly state: State
  readonly position: string | undefined
  readonly next: string | undefined
  readonly sequenceId: number
}

/** The attempts of a branch that continues. */
export interface PastData {
  readonly attempts: number
  readonly tries: number
  readonly recovered: boolean
}

export interface MessageData {
  readonly kind: string
  readonly body: unknown
  /** Null for a message from outside. */
  readonly from: string | null
}

/** The interceptors of the owner: which functions each of them has. */
export interface HookData {
  readonly name: string
  readonly onFault: 'report' | 'fail'
  readonly hooks: readonly string[]
}

/** A branch, as its worker makes it. */
export interface StartFrame {
  readonly type: 'start'
  readonly appId: string
  readonly parentPath: Path
  readonly map: string
  readonly visit: number
  readonly key: string
  readonly plan: string
  readonly state: State
  readonly inputs: State
  readonly bound: State
  readonly runId: string
  readonly watched: boolean
  readonly tracker: string | undefined
  readonly hears: readonly EventType[]
  /** The most attempts by the `retry` of the branch; 0 without one. */
  readonly attempts: number
  readonly limited: boolean
  readonly paced: boolean
  readonly deep: boolean
  /** Chunks that may be ahead of the owner. */
  readonly credit: number
  readonly hooks: readonly HookData[]
  readonly graceMs: number
  readonly resume:
    | (PastData & {
        readonly checkpoint: CheckpointData
        readonly visits: readonly number[]
        readonly kept: number | undefined
      })
    | undefined
  readonly messages: readonly MessageData[]
}

export type DownFrame =
  | StartFrame
  | {
      readonly type: 'cancel'
      readonly reason: unknown
      readonly by: string
      readonly cause: CancelCause
      /** On the monotonic clock, which both ends share. */
      readonly at: number
    }
  | { readonly type: 'abandon' }
  | { readonly type: 'stop' }
  | { readonly type: 'message'; readonly n: number; readonly message: MessageData }
  | { readonly type: 'noSender'; readonly n: number; readonly error: { readonly reason: unknown } | undefined }
  | { readonly type: 'credit'; readonly n: number }
  | { readonly type: 'hears'; readonly types: readonly EventType[] }
  | { readonly type: 'permit'; readonly id: number }
  | { readonly type: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: unknown }
  | { readonly type: 'below'; readonly n: number; readonly rest: readonly string[]; readonly message: MessageData }
  | {
      readonly type: 'cancelBelow'
      readonly id: number
      readonly rest: readonly string[]
      readonly reason: unknown
      readonly by: string
      readonly cause: CancelCause
    }

/** Questions of a branch to its owner. */
export type Question =
  | { readonly method: 'turn' }
  | { readonly method: 'retry'; readonly error: unknown; readonly attempt: number }
  | { readonly method: 'step'; readonly step: CommittedStep; readonly path: Path }
  | {
      readonly method: 'hook'
      readonly index: number
      readonly hook: string
      readonly args: object | InterceptedStep
      readonly outcome: Outcome | undefined
    }

/** What a branch waits for. */
export interface WaitsData {
  readonly level: WaitsFor
  readonly mayWithdraw: boolean
  /** Its own open waits. */
  readonly open: readonly { readonly kinds: readonly string[]; readonly from: 'outside' | 'siblings' | 'time' }[]
  readonly pending: readonly Pending[]
  readonly due: readonly Due[]
  /** Messages in its mailbox. */
  readonly unread: number
}

export type UpFrame =
  | { readonly type: 'started' }
  | { readonly type: 'facts'; readonly attempts: number; readonly retrying: boolean }
  | {
      readonly type: 'event'
      readonly event: AnyEvent
      readonly tracker: string | undefined
      /** Events before it that nobody observes. */
      readonly skipped: number
    }
  | { readonly type: 'step'; readonly checkpoint: CheckpointData; readonly visits: readonly number[] }
  /** `n`: the last message or `noSender` that it has seen. */
  | { readonly type: 'waits'; readonly n: number; readonly waits: WaitsData }
  | {
      readonly type: 'cancel'
      readonly key: string
      readonly reason: unknown
      readonly by: string
      readonly cause: CancelCause
    }
  | {
      readonly type: 'send'
      readonly key: string | null
      readonly message: MessageData
      readonly to: string | undefined
    }
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  | { readonly type: 'pace' }
  | { readonly type: 'acquire'; readonly id: number }
  | { readonly type: 'withdraw'; readonly id: number }
  | { readonly type: 'release' }
  | { readonly type: 'below'; readonly id: number; readonly answer: 'cancelled' | 'settled' | 'unknown' }
  | {
      readonly type: 'ended'
      readonly status: 'finished' | 'halted' | 'failed' | 'cancelled'
      readonly error: unknown
      readonly checkpoint: CheckpointData
      readonly visits: readonly number[]
      readonly past: PastData
      readonly attempts: number
      readonly recovered: boolean
      /** Its last step has committed. */
      readonly complete: boolean
      readonly leaked: readonly Leak[]
      readonly skipped: number
      /** The number under which the worker keeps what its next step has done. */
      readonly kept: number | undefined
    }

export type Ended = Extract<UpFrame, { readonly type: 'ended' }>

/** The types of fields, as far as a receiver checks them: `?` may be anything. */
type Shape = Readonly<Record<string, 'string' | 'number' | 'boolean' | 'object' | '?'>>

const DOWN: Readonly<Record<DownFrame['type'], Shape>> = {
  start: {
    appId: 'string',
    parentPath: 'object',
    map: 'string',
    visit: 'number',
    key: 'string',
    plan: 'string',
    state: 'object',
    inputs: 'object',
    bound: 'object',
    hears: 'object',
    credit: 'number',
    messages: 'object',
    hooks: 'object',
  },
  cancel: { reason: '?', by: 'string', cause: 'string', at: 'number' },
  abandon: {},
  stop: {},
  message: { n: 'number', message: 'object' },
  noSender: { n: 'number', error: '?' },
  credit: { n: 'number' },
  hears: { types: 'object' },
  permit: { id: 'number' },
  answer: { id: 'number' },
  below: { n: 'number', rest: 'object', message: 'object' },
  cancelBelow: { id: 'number', rest: 'object', reason: '?', by: 'string', cause: 'string' },
}

const UP: Readonly<Record<UpFrame['type'], Shape>> = {
  started: {},
  facts: { attempts: 'number', retrying: 'boolean' },
  event: { event: 'object', tracker: '?', skipped: 'number' },
  step: { checkpoint: 'object', visits: 'object' },
  waits: { n: 'number', waits: 'object' },
  cancel: { key: 'string', reason: '?', by: 'string', cause: 'string' },
  send: { key: '?', message: 'object', to: '?' },
  ask: { id: 'number', question: 'object' },
  pace: {},
  acquire: { id: 'number' },
  withdraw: { id: 'number' },
  release: {},
  below: { id: 'number', answer: 'string' },
  ended: {
    status: 'string',
    error: '?',
    checkpoint: 'object',
    visits: 'object',
    past: 'object',
    leaked: 'object',
    skipped: 'number',
  },
}

function checkFrame(frame: unknown, shapes: Readonly<Record<string, Shape>>): void {
  const { type, ...fields } = Object(frame) as Record<string, unknown>
  const shape = typeof type === 'string' && Object.hasOwn(shapes, type) ? shapes[type] : undefined
  if (shape === undefined) throw new TypeError(`The channel has no frame of the type ${String(type)}.`)
  for (const [name, want] of Object.entries(shape)) {
    const value = fields[name]
    if (want !== '?' && (value === null || typeof value !== want))
      throw new TypeError(`The field "${name}" of a frame "${String(type)}" is ${String(value)}; it takes: ${want}.`)
  }
}

/** @throws {TypeError} for what is no frame to a worker */
export function assertDown(frame: unknown): asserts frame is DownFrame {
  checkFrame(frame, DOWN)
}

/** @throws {TypeError} for what is no frame to an owner */
export function assertUp(frame: unknown): asserts frame is UpFrame {
  checkFrame(frame, UP)
}

/** All types of events that cross. */
export const EVENT_TYPES = Object.keys(OBSERVABLE_TYPES) as EventType[]
