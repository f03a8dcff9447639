import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { base } from './tools/vitest-base.js'

/** Files that share their processes: they are many and short, and leave nothing behind. */
const TOGETHER = ['test/embedding/**/*.test.ts', 'test/semantics/**/*.test.ts']

/** A part of the tests. */
const part = (test: { name: string; include: string[]; exclude?: string[]; isolate: boolean }) => ({
  ...base,
  test: { ...base.test, ...test },
})

/** Puts the files that share their processes last, so that a process goes from one to the next. */
class TogetherLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isAlone = ({ project }: TestSpecification): boolean => project.config.isolate
    return [...sorted.filter(isAlone), ...sorted.filter((file) => !isAlone(file))]
  }
}

export default defineConfig({
  ...base,
  test: {
    ...base.test,
    sequence: { sequencer: TogetherLast },
    projects: [
      part({
        name: 'alone',
        include: base.test.include,
        exclude: ['**/node_modules/**', ...TOGETHER],
        isolate: true,
      }),
      part({ name: 'together', include: TOGETHER, isolate: false }),
    ],
  },
})
