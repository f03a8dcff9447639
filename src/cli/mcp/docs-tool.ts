import { join } from 'node:path'
import { CommandError } from '../command-error.js'
import { guideFolder, type Section, searched, sectionsIn } from './guide.js'
import { TEXT, type Tool, WHOLE } from './tool.js'

// Owns: the tool that searches the guide.

const LONGEST = 3000

/** `search_docs`. The guide is read once. */
export function docsTool(): Tool {
  let read: Promise<readonly Section[]> | undefined
  return {
    name: 'search_docs',
    description:
      'Searches the guide of Teasel, for writing programs with it: the sections that fit best, with their file. Begin with "skill".',
    members: { query: TEXT('A few words: retry branch, mapStates key'), limit: WHOLE('Sections, default 4', 1, 8) },
    needed: ['query'],
    async call(args) {
      const folder = guideFolder()
      if (folder === undefined) throw new CommandError('no-guide', 'This copy of the package has no guide.')
      read ??= sectionsIn(folder)
      const found = searched(await read, args.text('query') ?? '', args.whole('limit') ?? 4)
      return {
        sections: found.map(({ page, title, line, text }) => ({
          ...{ title, file: join(folder, page), line },
          text: text.length > LONGEST ? `${text.slice(0, LONGEST)}… (cut; the file has the rest)` : text,
        })),
      }
    },
  }
}
