export { type MermaidOptions, toMermaid } from './mermaid.js'
export { analyse, type GraphReport } from './paths.js'
