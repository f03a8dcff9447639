// Owns: figures in the text format of Prometheus.

const lines = (type: string, name: string, help: string, value: number): readonly string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
  `${name} ${value}`,
]

/** A figure that goes up and down. */
export const gauge = (name: string, help: string, value: number): readonly string[] => lines('gauge', name, help, value)

/** A figure that only goes up. */
export const counter = (name: string, help: string, value: number): readonly string[] =>
  lines('counter', name, help, value)
