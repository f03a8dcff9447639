import { unreadable } from './faults.js'

/**
 * Parses JSON that drivers move and that only Teasel reads.
 * @param subject the subject of the message: `The summary of application "a"`
 * @throws {PersistenceError} `corrupt` for damaged JSON
 */
export function parseFacts<T>(json: string, subject: string, appId?: string): T {
  try {
    return JSON.parse(json) as T
  } catch (error) {
    throw unreadable(subject, appId, error)
  }
}
