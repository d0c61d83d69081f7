"""End-to-end tests of the requirements."""
