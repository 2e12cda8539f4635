package tenantry.operators_test

import data.tenantry.entry
import data.tenantry.testing

test_reaches_tenants_of_any_status_that_is_known if {
	every status in ["provisioning", "active", "suspended"] {
		entry.answer.allow with input as object.union(testing.operate, {"tenant": {"status": status}})
	}
	every status in ["deleted", "unknown", "", null] {
		call := object.union(testing.operate, {"tenant": {"status": status}})
		entry.answer == testing.denied("TENANT_UNKNOWN") with input as call
	}
}

test_only_where_the_method_admits_operators if {
	call := object.union(testing.operate, {"context": {"callers": ["subject"]}})
	entry.answer == testing.denied("TENANT_MISMATCH") with input as call
	only := object.union(testing.operate, {"context": {"callers": ["operator"]}})
	entry.answer.allow with input as only
}

test_needs_the_permission if {
	call := object.union(testing.operate, {"subject": {"permissions": ["tenant.tenant.list"]}})
	entry.answer == testing.denied("MISSING_PERMISSION") with input as call
}

test_methods_of_the_platform if {
	call := object.union(object.remove(testing.operate, ["tenant"]), {
		"action": "tenant.tenant.list",
		"resource": {"id": "", "tenant": "", "region": ""},
		"context": {"callers": ["operator"]},
	})
	entry.answer.allow with input as call

	# A method that names a tenant does not become one of the platform by leaving it empty.
	entry.answer.allow == false with input as object.union(call, {"tenant": {"id": "", "status": "unknown", "region": ""}})
}

test_platform_tenant_needs_no_facts if {
	call := object.union(testing.operate, {
		"subject": {"tenant_status": "unknown"},
		"resource": {"tenant": testing.platform, "id": testing.platform, "region": ""},
		"tenant": {"id": testing.platform, "status": "unknown", "region": ""},
	})
	entry.answer.allow with input as call
}

test_platform_tenant_is_protected if {
	suspend := object.union(testing.operate, {"action": "tenant.tenant.suspend", "context": {"callers": ["operator"]}})
	entry.answer.allow with input as suspend
	call := object.union(suspend, {"resource": {"tenant": testing.platform}, "tenant": {"id": testing.platform}})
	entry.answer == testing.denied("PROTECTED_TENANT") with input as call
}

test_a_tenant_of_a_like_name_is_none if {
	every tenant in ["ten_0000000000000000000000000", "ten_00000000000000000000000000 ", "TEN_00000000000000000000000000", ""] {
		call := object.union(testing.operate, {"subject": {"tenant": tenant}})
		entry.answer.allow == false with input as call
	}
}
