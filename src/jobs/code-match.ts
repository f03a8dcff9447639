import type { CodeRef } from '../executor/driver.js'
import { codeFingerprint } from '../executor/outline.js'
import { findCode, type Registry } from '../executor/registry.js'

// Owns: whether a worker has the code of a branch. Both have to run the same build.

export class CodeMatch {
  readonly #registries: ReadonlyMap<string, Registry>
  readonly #known = new Map<string, boolean>()

  constructor(registries: readonly Registry[]) {
    this.#registries = new Map(registries.map((one) => [one.name, one]))
  }

  /** The module of a registry, for workers that load it. */
  moduleOf({ registry }: Pick<CodeRef, 'registry'>): string | undefined {
    return this.#registries.get(registry)?.module
  }

  has(code: Omit<CodeRef, 'module'>): boolean {
    const key = JSON.stringify([code.registry, code.name, code.action, code.fingerprint])
    const known = this.#known.get(key) ?? this.#look(code)
    this.#known.set(key, known)
    return known
  }

  #look(code: Omit<CodeRef, 'module'>): boolean {
    const registry = this.#registries.get(code.registry)
    if (registry === undefined) return false
    try {
      return codeFingerprint(findCode(registry, { ...code, module: registry.module }).plan) === code.fingerprint
    } catch {
      return false
    }
  }
}
