"""Fields of rules: resolution of paths to expressions over columns, structs, maps and JSON."""
