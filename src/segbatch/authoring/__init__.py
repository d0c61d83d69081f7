"""Commands that help to write definitions: check, preview, explain, manage."""
