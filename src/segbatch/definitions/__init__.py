"""What a segment is: its rules, its file, and the errors in either. Knows nothing of snapshots or Polars."""
