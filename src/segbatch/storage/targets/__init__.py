"""The targets that a run can be published to."""
