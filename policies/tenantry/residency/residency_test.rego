package tenantry.residency_test

import data.tenantry.entry
import data.tenantry.testing

test_token_of_another_region if {
	call := object.union(testing.read, {"subject": {"region": "elsewhere", "status": "unknown", "tenant_status": "unknown"}})
	entry.answer == testing.denied("WRONG_REGION") with input as call
}

test_own_tenant_lives_elsewhere if {
	call := object.union(testing.read, {"tenant": {"region": "elsewhere"}})
	entry.answer == testing.denied("WRONG_REGION") with input as call
}

test_platform_method_with_a_token_of_another_region if {
	call := object.union(object.remove(testing.operate, ["tenant"]), {
		"subject": {"region": "elsewhere"},
		"resource": {"tenant": ""},
	})
	entry.answer == testing.denied("WRONG_REGION") with input as call
}

# To anyone else such a tenant is absent.
test_others_are_told_nothing if {
	foreign := object.union(testing.read, {"resource": {"tenant": testing.globex}, "tenant": {"id": testing.globex, "region": "elsewhere"}})
	entry.answer == testing.denied("TENANT_MISMATCH") with input as foreign
	operator := object.union(testing.operate, {"tenant": {"region": "elsewhere"}})
	entry.answer == testing.denied("TENANT_UNKNOWN") with input as operator
}
