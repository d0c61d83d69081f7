"""Export of a segment's members, or of its changes, to a file for other programs."""
