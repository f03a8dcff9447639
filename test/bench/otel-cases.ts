import type { Case } from './case.js'

export const otelCases: readonly Case[] = [
  {
    name: 'otel',
    unit: '× own span',
    target: 2,
    // The SDK is loaded by this case alone: it makes every await slower.
    run: async () => (await import('./otel-subjects.js')).otelSteps(),
  },
]
