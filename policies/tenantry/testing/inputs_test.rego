# Inputs that the tests of the other packages start from: calls that are allowed. A test changes one thing.
package tenantry.testing

platform := "ten_00000000000000000000000000"

acme := "ten_01k0aaaaaaaaaaaaaaaaaaaaaa"

globex := "ten_01k0gggggggggggggggggggggg"

bob := "usr_01k0bbbbbbbbbbbbbbbbbbbbbb"

alice := "usr_01k0aaaaaaaaaaaaaaaaaaaaaa"

gateway := {"spiffe_id": "spiffe://tenantry.local/region/local/svc/gateway", "service": "gateway", "region": "local"}

machine(tenant) := {
	"spiffe_id": concat("", ["spiffe://tenantry.local/region/local/tenant/", tenant, "/sa/sva_1"]),
	"tenant": tenant,
	"region": "local",
}

subject(permissions) := {
	"id": bob,
	"kind": "user",
	"tenant": acme,
	"roles": ["rol_01k0eeeeeeeeeeeeeeeeeeeeee"],
	"permissions": permissions,
	"scopes": ["tenant"],
	"mfa": false,
	"auth_time": "2026-11-24T06:00:00Z",
	"session": "ses_01k0ssssssssssssssssssssss",
	"status": "active",
	"region": "local",
	"binding": "none",
	"tenant_status": "active",
}

context(callers, row_facts) := {
	"time": "2026-11-24T06:00:00Z",
	"service": "data",
	"method": "tenantry.data.v1.RecordService/GetRecord",
	"callers": callers,
	"region": "local",
	"row_facts": row_facts,
	"with_row": false,
}

# A subject of acme reads one of its records.
read := {
	"workload": gateway,
	"subject": subject(["data.record.*"]),
	"action": "data.record.read",
	"resource": {"type": "record", "id": "r1", "tenant": acme, "region": "local", "attributes": {"collection_id": "col_1"}},
	"tenant": {"id": acme, "status": "active", "tier": "standard", "region": "local"},
	"context": context(["subject"], ["owner", "classification"]),
}

# An operator reads a tenant.
operate := {
	"workload": gateway,
	"subject": object.union(subject(["*"]), {"id": alice, "tenant": platform}),
	"action": "tenant.tenant.read",
	"resource": {"type": "tenant", "id": globex, "tenant": globex, "region": "local", "attributes": {}},
	"tenant": {"id": globex, "status": "active", "tier": "standard", "region": "local"},
	"context": context(["subject", "operator"], []),
}

# A service renews its facts.
renew := {
	"workload": object.union(gateway, {"service": "data"}),
	"action": "platform.facts.renew",
	"resource": {"type": "facts", "id": "", "tenant": "", "region": "", "attributes": {}},
	"context": context(["workload"], []),
}

# Someone logs in.
login := {
	"workload": gateway,
	"action": "identity.session.create",
	"resource": {"type": "session", "id": "", "tenant": "", "region": "", "attributes": {}},
	"context": context(["anonymous"], []),
}

# The second decision about `read`, with its row.
row(owner, classification) := object.union(read, {
	"resource": {"owner": owner, "classification": classification},
	"context": {"with_row": true},
})

# A subject revokes a session; everyone may their own.
revoke := object.union(read, {
	"subject": {"permissions": []},
	"action": "identity.session.revoke",
	"resource": {"type": "session", "id": "ses_1"},
	"context": {"row_facts": ["owner"]},
})

list := object.union(read, {"action": "data.record.list", "context": {"row_facts": []}})

denied(reason) := {"allow": false, "reason": reason, "obligations": {}}

allowed := {"allow": true, "reason": "", "obligations": {}}
