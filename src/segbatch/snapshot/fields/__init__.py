"""Fields of rules: from a path to the expression that reads it, over columns, structs, maps and JSON."""
