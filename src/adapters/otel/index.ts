export type { Tracker } from '../../tracking/tracker.js'
export { joinTraces } from './join-traces.js'
export { type OtelOptions, otelTracker } from './otel-tracker.js'
