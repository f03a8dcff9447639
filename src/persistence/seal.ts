import type { Posted, Row } from './driver.js'

// A checksum in what is stored, over the data and where it belongs, so that whatever a disk or a hand did to it is seen.
// It stands last in the JSON, which stays JSON.

const SEAL = /,"k":"([0-9a-f]{8})"\}$/
const LENGTH = ',"k":"00000000"}'.length

/** FNV-1a of 32 bits, over UTF-16: any one character that is another one gives another sum. */
function sumOf(text: string, sum: number): number {
  let made = sum
  for (let i = 0; i < text.length; i++) made = Math.imul(made ^ text.charCodeAt(i), 0x01000193)
  return made
}

function sealOf(place: string, body: string): string {
  const sum = sumOf(body, sumOf(place, 0x811c9dc5 | 0))
  return (sum >>> 0).toString(16).padStart(8, '0')
}

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

/** The row, its data with a checksum over all of it. */
export const sealRow = (row: Row): Row => ({ ...row, data: sealed(placeOf(row), row.data) })
/** Whether a row is as it was written. */
export const isSealedRow = (row: Row): boolean => isSealed(placeOf(row), row.data)
/** The data of a message, JSON of a record, with a checksum. */
export const sealMessage = (appId: string, json: string): string => sealed(appId, json)
/** Whether a message is as it was written. */
export const isSealedMessage = (appId: string, { data }: Posted): boolean => isSealed(appId, data)
