"""Who evaluates a plan: for now one machine, batch by batch."""
