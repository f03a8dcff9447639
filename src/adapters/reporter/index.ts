export type { Clock } from '../../internal/clock.js'
export type { Tracker } from '../../tracking/tracker.js'
export { type ConsoleReporter, consoleReporter, type ReporterOptions } from './console-reporter.js'
export type { ReporterStream } from './reporter-stream.js'
