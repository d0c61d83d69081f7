"""One segment's members, or who entered and who left, as a file for other programs."""
