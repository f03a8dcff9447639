export { createHost } from './create-host.js'
export type { GraphInputsOf, GraphStateOf, Host, HostOptions, PlaceRef, RunRef, StartOptions } from './host-api.js'
export type { HostEvent, HostHealth, HostRun, StartedRun } from './host-events.js'
export { type Hosted, type HostedOptions, hosted } from './hosted.js'
