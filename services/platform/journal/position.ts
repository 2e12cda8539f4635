import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Place } from './segment-writer.js'

const path = (directory: string): string => join(directory, 'position.json')

/** How far a directory was relayed; the very beginning when that is not known, because relaying twice does no harm. */
export const readPosition = async (directory: string): Promise<Place> => {
  try {
    const { segment, offset } = JSON.parse(await readFile(path(directory), 'utf8')) as Place
    if (Number.isSafeInteger(segment) && Number.isSafeInteger(offset) && offset >= 0) return { segment, offset }
  } catch {
    // Absent, or cut short by a crash.
  }
  return { segment: 0, offset: 0 }
}

/** Replaces it whole. Not flushed: one that is lost only means that some records are sent again. */
export const writePosition = async (directory: string, place: Place): Promise<void> => {
  const aside = `${path(directory)}.new`
  await writeFile(aside, JSON.stringify(place), { mode: 0o600 })
  await rename(aside, path(directory))
}
