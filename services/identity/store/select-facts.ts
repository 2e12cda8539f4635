import { roleFact, subjectFact } from './fact-sql.js'

/** The subjects of all tenants as facts, deleted ones too. Read by the role that reads across tenants, never under a tenant's context. */
export const selectSubjectFacts = `select u.changed_xid, u.user_id as fact_key, ${subjectFact('u')} as fact from pool.users u`

/** The roles of all tenants as facts, deleted ones too. */
export const selectRoleFacts = `select r.changed_xid, r.role_id as fact_key, ${roleFact('r')} as fact from pool.roles r`
