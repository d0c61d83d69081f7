"""Export of a segment's members, or of its changes, to a file, and of the published tables to a database."""
