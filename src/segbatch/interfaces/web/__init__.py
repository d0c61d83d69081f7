"""The web page, and the report: the same page with its data in it."""
