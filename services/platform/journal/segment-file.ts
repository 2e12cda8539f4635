import { close, constants, ftruncate, open as openFd, write } from 'node:fs'
import { mkdir, open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'

/** A segment under the pen. */
export interface SegmentFile {
  /** Resolves when the bytes are on disk. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Cuts the unused rest and closes. */
  finish(length: number): Promise<void>
}

/** What the journal asks of the disk: a seam for tests of its failures. */
export interface JournalFiles {
  /** A new file of `size` zeros, already on disk with its name; fails if it exists or there is no room. */
  create(path: string, size: number): Promise<SegmentFile>
}

const NAME = /^(\d{12})\.seg$/

export const segmentPath = (directory: string, segment: number): string => join(directory, `${String(segment).padStart(12, '0')}.seg`)

/** Numbers of a directory's segments, ascending. */
export const listSegments = async (directory: string): Promise<number[]> =>
  (await readdir(directory))
    .map((name) => NAME.exec(name))
    .filter((match) => match !== null)
    .map((match) => Number(match[1]))
    .sort((a, b) => a - b)

/** Makes names in a directory durable. */
export const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory, 'r')
  await handle.sync().finally(() => handle.close())
}

export const makeDirectory = (directory: string): Promise<unknown> => mkdir(directory, { recursive: true, mode: 0o700 })

const CHUNK = Buffer.alloc(1 << 20)
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (constants.O_DSYNC ?? constants.O_SYNC)

const writeAll = (fd: number, bytes: Uint8Array, position: number, done: (error: Error | null) => void): void =>
  write(fd, bytes, 0, bytes.length, position, (error, written) => {
    if (error || written === bytes.length) done(error)
    else if (written === 0) done(new Error('nothing was written'))
    else writeAll(fd, bytes.subarray(written), position + written, done)
  })

/**
 * Files opened with O_DSYNC and filled with zeros beforehand: a write then returns when its data is on disk, needs no metadata and cannot run out of
 * space, in one system call instead of two.
 */
export const journalFiles: JournalFiles = {
  create: async (path, size) => {
    const fd = await new Promise<number>((resolve, reject) => {
      openFd(path, FLAGS, 0o600, (error, opened) => (error ? reject(error) : resolve(opened)))
    })
    const settle = (act: (done: (error: Error | null) => void) => void): Promise<void> =>
      new Promise((resolve, reject) => act((error) => (error ? reject(error) : resolve())))
    const put = (bytes: Uint8Array, position: number) => settle((done) => writeAll(fd, bytes, position, done))
    try {
      for (let at = 0; at < size; at += CHUNK.length) await put(CHUNK.subarray(0, Math.min(CHUNK.length, size - at)), at)
      await syncDirectory(join(path, '..'))
    } catch (error) {
      await settle((done) => close(fd, done)).catch(() => undefined)
      await unlink(path).catch(() => undefined)
      throw error
    }
    return {
      write: put,
      finish: async (length) => {
        await settle((done) => ftruncate(fd, length, done)).finally(() => settle((done) => close(fd, done)))
      },
    }
  },
}
