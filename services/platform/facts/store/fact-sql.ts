/** Text of one snapshot's facts. Names of tables and columns come from the owner's code, never from a call. */
export const BEGIN = 'begin isolation level repeatable read read only'
export const COMMIT = 'commit'
export const ROLLBACK = 'rollback'

/** Milliseconds, for this transaction. */
export const SET_TIMEOUT = `select set_config('statement_timeout', $1, true)`

/**
 * The snapshot's bounds, and what names the database and its history: the cluster, its timeline (another one after a restore) and the database in it.
 */
export const SELECT_SNAPSHOT = `
  select pg_snapshot_xmin(pg_current_snapshot())::text as xmin,
         pg_snapshot_xmax(pg_current_snapshot())::text as xmax,
         concat_ws('/', (select system_identifier from pg_control_system()), (select timeline_id from pg_control_checkpoint()),
                   (select oid from pg_database where datname = current_database())) as database`

/** Rows of an owner's select that changed at or after $1, beyond the place ($2, $3), $4 of them at most. */
export const selectChanged = (select: string): string => `
  select f.*, f.changed_xid::text as changed_xid_text
    from (${select}) f
   where f.changed_xid >= $1::xid8 and (f.changed_xid, f.fact_key) > ($2::xid8, $3::text)
   order by f.changed_xid, f.fact_key
   limit $4`
