package tenantry.obligations_test

import data.tenantry.entry
import data.tenantry.testing

obligations(permissions) := answer.obligations if {
	answer := entry.answer with input as object.union(testing.list, {"subject": {"permissions": permissions}})
	answer.allow
}

test_lists_are_limited_by_class if {
	obligations(["data.record.list"]) == {"max_classification": "internal"}
	obligations(["data.record.list", "data.classification.confidential"]) == {"max_classification": "confidential"}
	obligations(["data.record.list", "data.classification.restricted"]) == {}
	obligations(["*"]) == {}
}

test_lists_of_ones_own if {
	obligations(["data.record.list_own"]) == {"max_classification": "internal", "row_filter": {"owner": testing.bob}}
	obligations(["data.record.list_own", "data.record.list"]) == {"max_classification": "internal"}
	obligations(["data.record.list_own", "data.classification.restricted"]) == {"row_filter": {"owner": testing.bob}}
}

test_export_is_a_list if {
	export := object.union(testing.list, {"action": "data.record.export", "subject": {"permissions": ["data.record.export_own"]}})
	answer := entry.answer with input as export
	answer.obligations == {"max_classification": "internal", "row_filter": {"owner": testing.bob}}
}

test_nothing_else_has_any if {
	entry.answer == testing.allowed with input as testing.read
	entry.answer == testing.allowed with input as testing.row(testing.bob, "public")
}
