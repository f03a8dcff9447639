import ts from 'typescript'
import { noCycles } from './architecture.js'
import type { SourceFile } from './source-tree.js'

/** Countable facts about a tree of source files. Lines include comments. */
export interface CodeFigures {
  readonly files: number
  readonly lines: number
  readonly medianFile: number
  readonly maxFile: number
  /** Lines of a function that has a name of its own; one given as an argument counts in the function around it. */
  readonly functionP50: number
  readonly functionP95: number
  readonly anyPerKloc: number
  /** `as X` other than `as const`, and `x!`. */
  readonly castsPerKloc: number
  readonly cycles: number
}

/** Counts in files whose paths start at the root. */
export function measureCode(files: readonly SourceFile[]): CodeFigures {
  const lengths = files.map(({ text }) => countLines(text))
  const lines = lengths.reduce((sum, length) => sum + length, 0)
  const found = files.map(lookInto)
  const functions = found.flatMap((one) => one.functions)
  const perKloc = (count: (one: Findings) => number): number =>
    Math.round((found.reduce((sum, one) => sum + count(one), 0) / lines) * 10_000) / 10
  return {
    files: files.length,
    lines,
    medianFile: percentile(lengths, 0.5),
    maxFile: Math.max(...lengths),
    functionP50: percentile(functions, 0.5),
    functionP95: percentile(functions, 0.95),
    anyPerKloc: perKloc(({ anys }) => anys),
    castsPerKloc: perKloc(({ casts }) => casts),
    cycles: noCycles(files).length,
  }
}

export const countLines = (text: string): number => text.trimEnd().split('\n').length

/** The smallest value that `share` of the values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

interface Findings {
  readonly functions: number[]
  anys: number
  casts: number
}

function lookInto({ path, text }: SourceFile): Findings {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const found: Findings = { functions: [], anys: 0, casts: 0 }
  const lineAt = (position: number): number => file.getLineAndCharacterOfPosition(position).line
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) found.anys += 1
    if (isCast(node)) found.casts += 1
    if (isNamedFunction(node)) found.functions.push(lineAt(node.end) - lineAt(node.getStart()) + 1)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

function isCast(node: ts.Node): boolean {
  if (ts.isNonNullExpression(node) || ts.isTypeAssertionExpression(node)) return true
  return ts.isAsExpression(node) && !ts.isConstTypeReference(node.type)
}

function isNamedFunction(node: ts.Node): boolean {
  if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return false
  if (!ts.isArrowFunction(node) && !ts.isFunctionExpression(node)) return true
  const { parent } = node
  return ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)
}
