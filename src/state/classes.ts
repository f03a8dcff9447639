/** How instances of a class are taken apart and made again. */
export interface ClassForm<T, Data> {
  /** What an instance is made of: state again, of plain values. */
  readonly save: (value: T) => Data
  /** Makes an equal instance. */
  readonly load: (data: Data) => T
}

/** A class that may stand in state. */
export interface RegisteredClass {
  readonly name: string
  readonly save: (value: unknown) => unknown
  readonly load: (data: unknown) => unknown
}

const byPrototype = new Map<object, RegisteredClass>()
const byName = new Map<string, RegisteredClass>()

/**
 * Lets instances of a class stand in state: each action that reads one gets a copy, and it is stored under the
 * name.
 *
 * Say it once, where the class is defined; an instance of a subclass needs a registration of its own.
 * @param name as it is stored; keep it when the class is renamed
 * @throws {TypeError} when another class has the name
 *
 * @example
 * ```ts
 * class Money {
 *   readonly cents: number
 *   constructor(cents: number) {
 *     this.cents = cents
 *   }
 * }
 * registerClass('money', Money, { save: ({ cents }) => cents, load: (cents) => new Money(cents) })
 * ```
 */
export function registerClass<T extends object, Data>(
  name: string,
  type: { readonly prototype: T },
  form: ClassForm<T, Data>,
): void {
  const known = byName.get(name)
  if (known !== undefined && byPrototype.get(type.prototype) !== known) {
    throw new TypeError(
      `registerClass: the name "${name}" is taken by another class. Names are stored; give each its own.`,
    )
  }
  // Their types are forgotten here: what `save` gave is what `load` gets.
  const made = { name, save: form.save, load: form.load } as unknown as RegisteredClass
  byPrototype.set(type.prototype, made)
  byName.set(name, made)
}

/** The registered class that a value is an instance of. */
export function classOf(value: object): RegisteredClass | undefined {
  if (byPrototype.size === 0) return undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  return typeof prototype === 'object' && prototype !== null ? byPrototype.get(prototype) : undefined
}

/** The registered class of a name. */
export const classNamed = (name: string): RegisteredClass | undefined => byName.get(name)
