import { encode } from '../codec/encode.js'
import { crc32Of } from '../internal/platform.js'
import type { PersisterDriver, Posted, RootKey, Row } from './driver.js'

// A checksum in each row and message, over its data and its place, so that any change by a disk or by hand is detected.
// It is the last member of the JSON. CRC-32 detects every burst of up to 32 bits, and the platform computes it fast.

const SEAL = /,"k":"([0-9a-f]{8})"\}$/
const LENGTH = ',"k":"00000000"}'.length

const sealOf = (place: string, body: string): string => crc32Of(body, crc32Of(place)).toString(16).padStart(8, '0')

const placeOf = ({ appId, index, kind, epoch, sequenceId, label, order }: Row): string =>
  `${appId}\n${index}\n${kind}\n${epoch}\n${sequenceId}\n${label}\n${order}\n`

const sealed = (place: string, json: string): string => {
  const body = json.slice(0, -1)
  return `${body},"k":"${sealOf(place, body)}"}`
}

function isSealed(place: string, data: string): boolean {
  const seal = SEAL.exec(data.slice(-LENGTH))?.[1]
  return seal !== undefined && seal === sealOf(place, data.slice(0, -LENGTH))
}

/** Adds the checksum to a row. @param over whether the row replaces a stored note */
export const sealRow = (row: Row, over = false): Row => {
  const made = { ...row, data: sealed(placeOf(row), row.data) }
  return over ? { ...made, over } : made
}
/** Whether a row is unchanged since it was written. */
export const isSealedRow = (row: Row): boolean => isSealed(placeOf(row), row.data)

/** Stores a message in the inbox of an application. @returns its id */
export async function postTo(
  { driver, partitionKey, rootId }: RootKey & { readonly driver: PersisterDriver },
  appId: string,
  message: { readonly kind: string; readonly body: unknown },
): Promise<number> {
  return driver.post({ partitionKey, rootId }, appId, sealed(appId, encode(message, 'message')), message.kind)
}

/** Whether a message is unchanged since it was written. */
export const isSealedMessage = (appId: string, { data }: Posted): boolean => isSealed(appId, data)
