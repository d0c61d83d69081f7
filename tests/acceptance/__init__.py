"""What was asked for, done from end to end."""
