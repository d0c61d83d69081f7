"""Test the Python client with a fake server; `end_to_end` uses a real server."""
