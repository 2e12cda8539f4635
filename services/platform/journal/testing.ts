import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AccessRecordSchema, Outcome, RecordKind } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { Message } from '../events/event-log.js'
import { random16 } from '../ids.js'
import { FrameType, scan } from './frame.js'
import type { DraftRecord } from './journal.js'
import { logKeys } from './log-key.js'
import type { JournalOptions } from './open-journal.js'

export const TENANTS = ['ten_01k00000000000000000000001', 'ten_01k00000000000000000000002', 'ten_01k00000000000000000000003']

export const logKey = logKeys(Buffer.alloc(32, 7))

export const newDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'tenantry-journal-'))

/** A record of an ordinary call. */
export const draft = (tenantId: string, resourceId = 'rec_01k00000000000000000000009'): DraftRecord =>
  create(AccessRecordSchema, {
    kind: RecordKind.CALL,
    decisionId: random16(),
    time: timestampFromMs(Date.now()),
    durationUs: 812,
    tenantId,
    service: 'data',
    method: 'tenantry.data.v1.RecordService/CreateRecord',
    actor: {
      workload: 'spiffe://tenantry.local/region/local/svc/gateway',
      subject: 'usr_01k00000000000000000000004',
      kind: 'user',
      tenantId,
      sessionId: 'ses_01k00000000000000000000005',
    },
    action: 'data.record.create',
    resourceType: 'record',
    resourceId,
    outcome: Outcome.OK,
    region: 'local',
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    decision: {
      decided: true,
      policyRevision: 3n,
      tenantVersion: 2n,
      subjectVersion: 5n,
      roles: ['rol_01k00000000000000000000006'],
      roleVersions: [1n],
    },
    eventCount: 1,
    eventsDigest: new Uint8Array(32),
  })

/** Options with a sink that keeps what it was given, in order. */
export const journalTo = (directory: string, sent: Message[], more: Partial<JournalOptions> = {}): JournalOptions => ({
  directory,
  services: ['data'],
  region: 'local',
  logKey,
  segmentBytes: 256 * 1024,
  relayIntervalMs: 2,
  produce: async (messages) => {
    sent.push(...messages)
  },
  toMessage: (bytes, record) => ({
    id: `${Buffer.from(record.epoch).toString('hex')}/${record.tenantId}/${record.sequence}`,
    key: record.tenantId,
    value: bytes,
    headers: {},
  }),
  ...more,
})

/** Serialized records of every segment that lies in a journal's directories, in order. */
export const recordsOnDisk = async (root: string): Promise<Uint8Array[]> => {
  const records: Uint8Array[] = []
  for (const name of (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.seg')).sort())
    scan(await readFile(join(root, name)), 0, (type, body) => {
      if (type === FrameType.RECORD) records.push(Uint8Array.from(body))
    })
  return records
}
