const LEAST_MS = 250

/** Reads one time after the other: at most as often as it takes a third of the time, and once more when asked meanwhile. */
export class Repeated {
  readonly #read: () => Promise<void>
  readonly #signal: AbortSignal
  #timer: ReturnType<typeof setTimeout> | undefined
  #isBusy = false
  #isDirty = false
  #notBefore = 0

  /** @param read rejects never */
  constructor(read: () => Promise<void>, signal: AbortSignal) {
    this.#read = read
    this.#signal = signal
    signal.addEventListener('abort', () => clearTimeout(this.#timer), { once: true })
  }

  /** Reads soon. */
  again(): void {
    if (this.#signal.aborted) return
    this.#isDirty = true
    if (this.#isBusy || this.#timer !== undefined) return
    this.#timer = setTimeout(() => void this.#run(), Math.max(0, this.#notBefore - Date.now()))
  }

  async #run(): Promise<void> {
    this.#timer = undefined
    this.#isDirty = false
    this.#isBusy = true
    const started = Date.now()
    await this.#read()
    this.#isBusy = false
    this.#notBefore = Date.now() + Math.max(LEAST_MS, 2 * (Date.now() - started))
    if (this.#isDirty) this.again()
  }
}
