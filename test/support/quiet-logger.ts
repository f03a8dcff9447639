import type { Logger } from 'teasel'

/** A logger that prints nothing. */
export const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} }
