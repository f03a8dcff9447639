import { mergeConfig } from 'vitest/config'
import base from './vitest.config.js'

// The suites with every unstored branch behind a message channel.
export default mergeConfig(base, {
  test: { env: { TEASEL_HANDLE: 'channel' }, setupFiles: ['test/support/channel/install.ts'] },
})
