import { relative } from 'node:path'
import { beforeEach } from 'vitest'
import { EXCLUDED } from './excluded.js'
import './place.js'

beforeEach(({ task, skip }) => {
  const titles = EXCLUDED[relative(process.cwd(), task.file.filepath).replaceAll('\\', '/')] ?? {}
  const title = Object.keys(titles).find((one) => task.name.startsWith(one))
  if (title !== undefined) skip(titles[title])
})
