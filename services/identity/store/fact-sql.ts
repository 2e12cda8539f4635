/**
 * Facts as SQL expressions over a row, in the JSON form of tenantry.facts.v1.Fact: whole, so that an event and a renewal say the same of one version.
 * `row` is an alias of the query that they stand in.
 */

/** Sessions are told as revoked for longer than any access token lives (the configuration's maximum, and skew). */
const REVOKED_FOR = `interval '3700 seconds'`

export const subjectFact = (row: string): string => `jsonb_build_object('subject', jsonb_build_object(
  'tenantId', ${row}.tenant_id, 'subjectId', ${row}.user_id, 'version', ${row}.version::text, 'kind', 'user', 'status', ${row}.status,
  'grants', coalesce((select jsonb_agg(jsonb_build_object('roleId', g.role_id, 'collectionId', g.collection_id) order by g.role_id, g.collection_id)
    from pool.grants g where g.tenant_id = ${row}.tenant_id and g.user_id = ${row}.user_id), '[]'),
  'publicKey', encode(${row}.public_key, 'base64'), 'publicKeyId', ${row}.public_key_id,
  'revokedSessions', coalesce((select jsonb_agg(jsonb_build_object('sessionId', s.session_id,
      'revoked', to_char(s.revoked_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) order by s.session_id)
    from pool.sessions s where s.tenant_id = ${row}.tenant_id and s.user_id = ${row}.user_id
      and s.revoked_time > clock_timestamp() - ${REVOKED_FOR}), '[]'),
  'deleted', ${row}.status = 'deleted'))`

export const roleFact = (row: string): string => `jsonb_build_object('role', jsonb_build_object(
  'tenantId', ${row}.tenant_id, 'roleId', ${row}.role_id, 'version', ${row}.version::text, 'actions', to_jsonb(${row}.actions),
  'deleted', ${row}.deleted))`
