"""Messages for wrong input: each one, word for word, on the stderr of the command itself."""
