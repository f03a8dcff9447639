export type {
  MachineConfig,
  MachineMeta,
  MachineRun,
  MachineState,
  MachineTransition,
} from '../runtime/actor/machine-config.js'
export { type DotOptions, toDot } from './dot.js'
export { type MachineEvent, type MachineGuards, type MachineOptions, machineGuards, toMachine } from './machine.js'
export { type MermaidOptions, toMermaid } from './mermaid.js'
export { type OutlineOptions, toOutline } from './outline.js'
export { analyse, type GraphReport } from './paths.js'
export type { ActionPicture, BranchPicture, EdgePicture, GraphPicture, PictureOptions } from './picture.js'
export { type ActionMark, type RunMarks, readMarks } from './run-marks.js'
export { type SvgOptions, toSvg } from './svg.js'
export { type PlannedTask, tasksOf } from './tasks-of.js'
