# How sensitive a row may be for the subject: public and internal for anyone with the permission, the rest for those who hold one more.
package tenantry.classification

import data.tenantry.rbac

ranks := {"public": 0, "internal": 1, "confidential": 2, "restricted": 3}

# The highest class that the subject may see.
clearance := "restricted" if {
	rbac.holds("data.classification.restricted")
} else := "confidential" if {
	rbac.holds("data.classification.confidential")
} else := "internal"

# Nothing is known of the row yet: the handler asks again with it, or obeys the obligation.
admitted if input.context.with_row == false

# The method's rows have no class.
admitted if {
	input.context.with_row == true
	input.context.row_facts == ["owner"]
}

admitted if {
	input.context.with_row == true
	ranks[input.resource.classification] <= ranks[clearance]
}

denial := "CLASSIFICATION_TOO_HIGH"
