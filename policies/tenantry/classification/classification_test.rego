package tenantry.classification_test

import data.tenantry.classification
import data.tenantry.entry
import data.tenantry.testing

more(call, permissions) := object.union(call, {"subject": {"permissions": array.concat(["data.record.read"], permissions)}})

test_what_each_clearance_sees if {
	sees := {
		["internal", []],
		["public", []],
		["confidential", ["data.classification.confidential"]],
		["confidential", ["data.classification.restricted"]],
		["restricted", ["data.classification.restricted"]],
		["restricted", ["data.*"]],
		["restricted", ["*"]],
	}
	every pair in sees {
		entry.answer.allow with input as more(testing.row(testing.alice, pair[0]), pair[1])
	}
	unseen := {
		["confidential", []],
		["restricted", []],
		["restricted", ["data.classification.confidential"]],
		["secret", ["*"]],
		["", ["*"]],
		[null, ["*"]],
		[1, ["*"]],
	}
	every pair in unseen {
		entry.answer == testing.denied("CLASSIFICATION_TOO_HIGH") with input as more(testing.row(testing.alice, pair[0]), pair[1])
	}
}

test_row_without_class if {
	call := object.union(testing.read, {"context": {"with_row": true}, "resource": {"owner": testing.bob}})
	entry.answer == testing.denied("CLASSIFICATION_TOO_HIGH") with input as call
	every row_facts in [null, [], ["classification"], "owner", ["owner", "owner"]] {
		entry.answer == testing.denied("CLASSIFICATION_TOO_HIGH") with input as object.union(call, {"context": {"row_facts": row_facts}})
	}
}

test_with_row_of_another_type if {
	every with_row in [null, "false", 0, []] {
		entry.answer.allow == false with input as object.union(testing.read, {"context": {"with_row": with_row}})
	}
}

test_clearance if {
	classification.clearance == "internal" with input as {}
}
