import { encode } from '../codec/encode.js'
import { crc32Of } from '../internal/platform.js'
import type { PersisterDriver, Posted, RootKey, Row } from './driver.js'

// A checksum in what is stored, over the data and where it belongs, so that whatever a disk or a hand did to it is seen.
// It stands last in the JSON, which stays JSON. CRC-32: an error in 32 bits in a row is always seen, and the platform is
// quick at it.

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

/** The row, its data with a checksum over all of it. @param over whether it takes the place of one that is there */
export const sealRow = (row: Row, over = false): Row => {
  const made = { ...row, data: sealed(placeOf(row), row.data) }
  return over ? { ...made, over } : made
}
/** Whether a row is as it was written. */
export const isSealedRow = (row: Row): boolean => isSealed(placeOf(row), row.data)

/** Puts a message into the inbox of an application. @returns its id */
export async function postTo(
  { driver, partitionKey, rootId }: RootKey & { readonly driver: PersisterDriver },
  appId: string,
  message: { readonly kind: string; readonly body: unknown },
): Promise<number> {
  return driver.post({ partitionKey, rootId }, appId, sealed(appId, encode(message, 'message')))
}

/** Whether a message is as it was written. */
export const isSealedMessage = (appId: string, { data }: Posted): boolean => isSealed(appId, data)
