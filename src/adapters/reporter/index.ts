export type { Clock } from '../../internal/clock.js'
export type { Tracker } from '../../tracking/tracker.js'
export { type ConsoleReporter, consoleReporter, type ReporterOptions, type ReporterStream } from './console-reporter.js'
