// The port to a place where branches run. Drivers move texts, some of them also bytes beside a text; their content is
// opaque to them.

/** What a place can do. */
export interface ExecutorAbilities {
  /** Runs the code of this very program, so that a runnable needs no registry. */
  readonly closures: boolean
  /** Loads the module of a registry by its URL; otherwise its workers are given their registries. */
  readonly loads: boolean
  /** Ends code that ignores its cancel: {@link SubmittedTask.kill}. */
  readonly preempt: boolean
  /** A task outlives the process that submitted it. Submitting it again by its id attaches to it. */
  readonly attach: boolean
  /**
   * Carries bytes beside texts, both ways, in place of base64 in the text: `bytes` of {@link TaskData},
   * {@link SubmittedTask.send} and {@link TaskOwner.receive}. They arrive with their text, in their order, and belong to
   * the receiver: a driver copies them, or hands them over. Default false.
   */
  readonly bytes?: boolean
}

/** Names the code of a branch: a runnable of a registry. */
export interface CodeRef {
  readonly registry: string
  readonly name: string
  /** The URL of the module that defines the registry; undefined where each worker is given its registries. */
  readonly module: string | undefined
  /** The name under which a single action runs; undefined for a runnable graph. */
  readonly action: string | undefined
  /** A hash of its declared names and structure. A worker refuses another one. */
  readonly fingerprint: string
}

/** One branch, as a driver gets it: plain data. */
export interface TaskData {
  /** Stays the same when the task is delivered again, except after a worker that broke the protocol. */
  readonly id: string
  /** 1, and one more each time that it is delivered again. */
  readonly delivery: number
  readonly code: CodeRef
  /** The printed path of the branch, for messages: `all/7`. */
  readonly path: string
  /** The most bytes that one text takes with the bytes beside it, in both directions. */
  readonly maxFrameBytes: number
  /** Everything that the branch starts with, for the task runner. */
  readonly start: string
  /**
   * Bytes beside `start`, perhaps none. Undefined where the driver carries texts only: its task runner then gives it no
   * bytes.
   */
  readonly bytes?: readonly ArrayBuffer[] | undefined
  /** Stays the same for the tasks of one root application, whoever owns it; undefined in a worker. */
  readonly root?: string | undefined
  /** Counts the earlier owners of that root: an owner with a lower number has lost it. Undefined without a store. */
  readonly incarnation?: number | undefined
}

/** How a task was lost. */
export interface Loss {
  /** What happened, as a sentence: `The thread ended with the exit code 1.` */
  readonly why: string
  readonly exitCode?: number | undefined
  /** The signal that ended a process: `SIGKILL`. */
  readonly signal?: string | undefined
  /** The last lines that the worker wrote. */
  readonly output?: readonly string[] | undefined
  /** False when a further delivery would be lost too: the executor was closed, its module cannot be loaded. Default true. */
  readonly again?: boolean | undefined
  /** Another task was the reason, such as one that ignored its cancel: this delivery is not counted. Default false. */
  readonly blameless?: boolean | undefined
}

/** The side of the owner of one task. */
export interface TaskOwner {
  /** Takes a text of the task, and the bytes beside it. Texts of one task come in their order. */
  receive(text: string, bytes?: readonly ArrayBuffer[]): void
  /** The task was lost: no text comes any more. It may have run, and may have done effects. */
  lost(loss: Loss): void
}

/** A task that was submitted. Calls after its end have no effect. */
export interface SubmittedTask {
  /** Sends a text to the task, and the bytes beside it. They are lost where the task is. */
  send(text: string, bytes?: readonly ArrayBuffer[]): void
  /** It was cancelled. Where it has not begun, it never does, and `lost` follows at once. */
  withdraw?(): void
  /** The task waits for something: its slot is free meanwhile. */
  pause?(): void
  /** The task continues. @returns a promise until it has a slot again; undefined where it has one */
  resume?(): Promise<void> | undefined
  /**
   * Whether the task goes on by itself: at first it does. It does not while it waits for messages only, which nothing may
   * send. A worker that holds the process of its owner open holds it for tasks that do.
   */
  hold?(held: boolean): void
  /**
   * Ends the worker of the task, which ignores its cancel or breaks the protocol. `lost` follows, also for other tasks
   * of that worker. Needed where the driver can `preempt`.
   */
  kill?(why: string): void
  /** The task has left code behind that ignores its cancel: its worker takes no more tasks, and ends after the others. */
  retire?(): void
  /** The task has ended. */
  release(): void
}

/**
 * The port to a place where branches run, for {@link createExecutor}. A task is run there by a {@link TaskRunner}. Test a
 * driver with the contract suite of `teasel/testing`.
 */
export interface ExecutorDriver {
  readonly name: string
  readonly can: ExecutorAbilities
  /**
   * Takes a task: at once, or when there is room. It never throws: what fails is told by `lost`, which comes after this
   * call has returned.
   */
  submit(task: TaskData, owner: TaskOwner): SubmittedTask
  /** Ends everything; tasks that still run are lost. Resolves when nothing is left. */
  close(): Promise<void> | void
}
