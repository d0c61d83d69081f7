"""What is legal in a definition and probably wrong, each finding by a name that can be silenced."""
