/** One promise of a port, as a test: framework-agnostic, it throws when the promise is broken. */
export interface ContractCase {
  readonly name: string
  /** Rejects when the promise is broken. */
  run(): Promise<void>
}

/** A port does not keep what it promises. */
export class ContractBroken extends TypeError {
  override readonly name = 'ContractBroken'
}

/** @throws {ContractBroken} when two values are not the same, member by member */
export function assertSame(what: string, actual: unknown, expected: unknown): void {
  const [is, shall] = [stable(actual), stable(expected)]
  if (is !== shall) throw new ContractBroken(`${what}: expected ${shall}, got ${is}.`)
}

/**
 * Demands that something throws or rejects with an error of a code, and answers with it.
 * @throws {ContractBroken} when it does not
 */
export async function assertThrows<E extends Error>(
  what: string,
  work: () => unknown,
  fits: (error: unknown) => error is E,
): Promise<E> {
  try {
    await work()
  } catch (error) {
    if (fits(error)) return error
    throw new ContractBroken(`${what}: it threw another error.`, { cause: error })
  }
  throw new ContractBroken(`${what}: it did not throw.`)
}

function stable(value: unknown): string {
  const sorted = (_: string, item: unknown): unknown =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item
  return JSON.stringify(value, sorted) ?? 'undefined'
}
