"""Who is told of a run beside those who watch it: logs, hooks, and metrics."""
