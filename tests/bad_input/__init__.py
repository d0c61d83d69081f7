"""What a user reads when the input is wrong: each message, word for word, on the stderr of the command itself."""
