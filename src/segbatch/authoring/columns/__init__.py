"""The columns of a snapshot: the fields that rules can name, with types, values and examples of rules."""
