package tenantry.entry_test

import data.tenantry.entry
import data.tenantry.testing

test_allows_what_it_should if {
	every call in [testing.read, testing.operate, testing.renew, testing.login, testing.revoke] {
		entry.answer == testing.allowed with input as call
	}
}

test_denies_nothing_known if {
	entry.answer.allow == false with input as {}
	entry.answer.reason == "WORKLOAD_NOT_ALLOWED" with input as {}
}

test_denies_without_any_one_part if {
	every part in ["workload", "subject", "action", "resource", "tenant", "context"] {
		entry.answer.allow == false with input as object.remove(testing.read, [part])
	}
}

test_always_has_the_three_parts if {
	every call in [testing.read, {}, testing.list, object.union(testing.read, {"action": 1})] {
		object.keys(entry.answer) == {"allow", "reason", "obligations"} with input as call
	}
}

# Outermost first: the reason names the first check that failed, whatever else would have.
test_order_of_reasons if {
	everything_wrong := object.union(testing.read, {
		"workload": {"region": "elsewhere"},
		"subject": {"status": "suspended", "tenant": testing.globex, "permissions": [], "binding": "mismatched"},
		"context": {"callers": ["operator"]},
	})
	entry.answer == testing.denied("WORKLOAD_NOT_ALLOWED") with input as everything_wrong
	here := object.union(everything_wrong, {"workload": {"region": "local"}})
	entry.answer == testing.denied("CALLER_NOT_ALLOWED") with input as here
	admitted := object.union(here, {"context": {"callers": ["subject"]}})
	entry.answer == testing.denied("BOUND_TOKEN_MISMATCH") with input as admitted
	unbound := object.union(admitted, {"subject": {"binding": "none"}})
	entry.answer == testing.denied("SUBJECT_SUSPENDED") with input as unbound
	active := object.union(unbound, {"subject": {"status": "active"}})
	entry.answer == testing.denied("TENANT_MISMATCH") with input as active
	own := object.union(active, {"subject": {"tenant": testing.acme}})
	entry.answer == testing.denied("MISSING_PERMISSION") with input as own
}

# A foreign tenant and an absent one, a known one and one of another region: told apart by nothing.
test_foreign_is_as_absent if {
	foreign := object.union(testing.read, {"resource": {"tenant": testing.globex}, "tenant": {"id": testing.globex}})
	every known in [
		{"status": "active", "region": "local"},
		{"status": "suspended", "region": "local"},
		{"status": "unknown", "region": ""},
		{"status": "active", "region": "elsewhere"},
	] {
		entry.answer == testing.denied("TENANT_MISMATCH") with input as object.union(foreign, {"tenant": known})
	}
}
