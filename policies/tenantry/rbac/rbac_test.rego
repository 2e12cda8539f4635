package tenantry.rbac_test

import data.tenantry.entry
import data.tenantry.rbac
import data.tenantry.testing

holding(call, permissions) := object.union(call, {"subject": {"permissions": permissions}})

test_covers if {
	every held in ["data.record.read", "data.record.*", "data.*", "*"] {
		entry.answer.allow with input as holding(testing.read, [held])
	}
	every held in ["data.record.list", "data.rec*", "data.record", "data.record.read.*", "record.*", ".*", "**", "", "data.collection.*", null, 1] {
		entry.answer == testing.denied("MISSING_PERMISSION") with input as holding(testing.read, [held])
	}
}

test_no_action_is_covered_by_nothing if {
	every action in ["", null, 1, ["data.record.read"], {}] {
		entry.answer.allow == false with input as object.union(holding(testing.read, ["*"]), {"action": action})
	}
}

test_permissions_of_another_type if {
	every permissions in ["*", null, {}, [], [["*"]]] {
		entry.answer == testing.denied("MISSING_PERMISSION") with input as holding(testing.read, permissions)
	}
}

test_own_rows if {
	own := ["data.record.read_own"]
	entry.answer.allow with input as holding(testing.read, own)
	entry.answer.allow with input as holding(testing.row(testing.bob, "internal"), own)
	entry.answer == testing.denied("NOT_OWNER") with input as holding(testing.row(testing.alice, "internal"), own)
}

test_own_needs_rows if {
	create := object.union(testing.read, {"action": "data.record.create", "context": {"row_facts": []}})
	entry.answer == testing.denied("MISSING_PERMISSION") with input as holding(create, ["data.record.create_own"])
}

test_row_without_owner if {
	call := holding(object.union(testing.read, {"context": {"with_row": true}, "resource": {"classification": "internal"}}), ["data.record.read_own"])
	entry.answer == testing.denied("NOT_OWNER") with input as call
}

test_everyone_may_with_their_own if {
	entry.answer.allow with input as testing.revoke
	mine := object.union(testing.revoke, {"resource": {"owner": testing.bob}, "context": {"with_row": true}})
	entry.answer.allow with input as mine
	anothers := object.union(mine, {"resource": {"owner": testing.alice}})
	entry.answer == testing.denied("NOT_OWNER") with input as anothers
	entry.answer.allow with input as holding(anothers, ["identity.session.revoke"])
}

test_an_operator_has_no_own_in_other_tenants if {
	call := object.union(testing.operate, {"action": "identity.session.revoke", "subject": {"permissions": []}, "context": {"row_facts": ["owner"]}})
	entry.answer == testing.denied("MISSING_PERMISSION") with input as call
}

# Asked by one who holds nothing.
ask(action, resource) := holding(object.union(testing.read, {"action": action, "resource": resource, "context": {"row_facts": []}}), [])

test_about_self if {
	entry.answer.allow with input as ask("identity.session.list", {"attributes": {"user_id": ""}})
	entry.answer.allow with input as ask("identity.session.list", {"attributes": {"user_id": testing.bob}})
	entry.answer.allow with input as ask("identity.user.read", {"id": testing.bob})
	entry.answer.allow with input as ask("policy.decision.check", {"attributes": {"question.subject_id": ""}})
	every call in [
		ask("identity.session.list", {"attributes": {"user_id": testing.alice}}),
		ask("identity.session.list", {}),
		ask("identity.user.read", {"id": testing.alice}),
		ask("identity.user.read", {"id": ""}),
		ask("identity.role.list_grants", {"attributes": {"subject_id": ""}}),
		ask("policy.decision.check", {"attributes": {}}),
	] {
		entry.answer == testing.denied("MISSING_PERMISSION") with input as call
	}
}

audit(view, permissions) := holding(
	object.union(testing.read, {
		"action": "audit.event.list",
		"resource": {"type": "event", "id": "", "attributes": {"view": view}},
		"context": {"row_facts": []},
	}),
	permissions,
)

test_full_view_needs_more if {
	every view in ["unspecified", "basic"] {
		entry.answer.allow with input as audit(view, ["audit.event.list"])
	}
	every view in ["full", "3", "", null] {
		entry.answer == testing.denied("MISSING_PERMISSION") with input as audit(view, ["audit.event.list"])
	}
	entry.answer.allow with input as audit("full", ["audit.event.list", "audit.event.open"])
}

test_holds_is_of_strings if {
	not rbac.holds("data.record.read") with input as {"subject": {"permissions": [true, null, {}, ["data.record.read"]]}}
	not rbac.holds(null) with input as {"subject": {"permissions": ["*"]}}
}
