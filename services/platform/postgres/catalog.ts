/** Runs one query as a role that sees the whole catalog. */
export type CatalogQuery = (text: string, values?: unknown[]) => Promise<{ what: string }[]>

export interface CatalogOptions {
  /** Tables (`schema.table`) that are no tenant's and that a role may reach all the same; each with a reason where it is listed. */
  readonly exempt?: readonly string[]
}

/** Schemas of our own: everything but the system's. */
const OURS = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`
const OUR_ROLES = `rolname !~ '^pg_' and (rolname ~ '_(runtime|relay|owner|producer|consumer)$' or rolname ~ '^keys_')`

/** One rule a query: each row of it is a violation, in words. */
const RULES: readonly string[] = [
  // Whatever a role may touch that is not its owner, and every table of pool and tenant schemas, has row-level security, forced.
  `select format('table %s.%s has no forced row-level security', n.nspname, c.relname) as what
   from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p') and ${OURS} and not (c.relrowsecurity and c.relforcerowsecurity) and not (format('%s.%s', n.nspname, c.relname) = any ($1))
     and (n.nspname ~ '^ten_' or exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner))`,
  `select format('table %s.%s with tenant_id has no forced row-level security', n.nspname, c.relname) as what
   from pg_class c join pg_namespace n on n.oid = c.relnamespace
   join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
   where c.relkind in ('r', 'p') and n.nspname in ('pool') and not (c.relrowsecurity and c.relforcerowsecurity)
     and not (format('%s.%s', n.nspname, c.relname) = any ($1))`,
  `select format('policy %s of %s.%s is for PUBLIC', p.polname, n.nspname, c.relname) as what
   from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
   where ${OURS} and p.polroles @> array[0::oid]`,
  `select format('policy %s of %s.%s for %s does not ask for the tenant context', p.polname, n.nspname, c.relname, r.rolname) as what
   from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.oid = any (p.polroles)
   where ${OURS} and r.rolname like '%\\_runtime'
     and coalesce(pg_get_expr(p.polqual, p.polrelid), '') || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') !~ 'platform\\.(tenant_id|reads_across|purpose)\\('`,
  // A unique or foreign key over all tenants would tell one of them what another has.
  `select format('unique index %s of %s.%s does not begin with tenant_id', i.indexrelid::regclass, n.nspname, c.relname) as what
   from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
   left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
   where i.indisunique and c.relrowsecurity and ${OURS} and a.attname is distinct from 'tenant_id'`,
  `select format('foreign key %s of %s.%s does not begin with tenant_id', k.conname, n.nspname, c.relname) as what
   from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
   join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
   join pg_attribute f on f.attrelid = k.confrelid and f.attnum = k.confkey[1]
   where k.contype = 'f' and c.relrowsecurity and ${OURS} and (a.attname <> 'tenant_id' or f.attname <> 'tenant_id')`,
  // Roles.
  `select format('role %s has an attribute that it must not have', rolname) as what from pg_roles
   where (${OUR_ROLES}) and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication or rolinherit)`,
  `select format('role %s is a member of %s', m.rolname, g.rolname) as what
   from pg_auth_members a join pg_roles m on m.oid = a.member join pg_roles g on g.oid = a.roleid
   where m.rolname in (select rolname from pg_roles where ${OUR_ROLES}) or g.rolname in (select rolname from pg_roles where ${OUR_ROLES})`,
  `select format('role %s owns %s', r.rolname, o.name) as what from pg_roles r join (
     select relowner as owner, oid::regclass::text as name from pg_class union all select proowner, oid::regprocedure::text from pg_proc
     union all select nspowner, 'schema ' || nspname from pg_namespace union all select datdba, 'database ' || datname from pg_database
     union all select typowner, oid::regtype::text from pg_type) o on o.owner = r.oid
   where (${OUR_ROLES}) and r.rolname !~ '_owner$'`,
  // Functions that run as their owner.
  `select format('definer function %s has no pinned search_path', p.oid::regprocedure) as what
   from pg_proc p join pg_namespace n on n.oid = p.pronamespace
   where p.prosecdef and ${OURS} and not exists (select from unnest(p.proconfig) c where c ~ '^search_path=')`,
  `select format('function %s may be run by PUBLIC', p.oid::regprocedure) as what from pg_proc p join pg_namespace n on n.oid = p.pronamespace
   where ${OURS} and (p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0))`,
  // Views run as their owner unless they say otherwise; a materialized one has no row-level security at all.
  `select format('view %s.%s is not security_invoker', n.nspname, c.relname) as what from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'v' and ${OURS} and not coalesce(c.reloptions @> array['security_invoker=true'], false)`,
  `select format('materialized view %s.%s is reachable', n.nspname, c.relname) as what from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'm' and ${OURS} and exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)`,
  // Everyone.
  `select format('PUBLIC has %s on schema %s', a.privilege_type, n.nspname) as what
   from pg_namespace n, aclexplode(n.nspacl) a where a.grantee = 0 and ${OURS}`,
  `select format('PUBLIC has %s on %s.%s', a.privilege_type, n.nspname, c.relname) as what
   from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a where a.grantee = 0 and ${OURS}`,
  `select format('PUBLIC has %s on this database', a.privilege_type) as what
   from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a where d.datname = current_database() and a.grantee = 0`,
]

/** What in this database breaks the rules of isolation, in words; empty when nothing does. For every service's database after its migrations. */
export const catalogViolations = async (query: CatalogQuery, { exempt = [] }: CatalogOptions = {}): Promise<string[]> => {
  const found: string[] = []
  for (const rule of RULES) for (const { what } of await query(rule, rule.includes('$1') ? [exempt] : [])) found.push(what)
  return [...new Set(found)]
}
