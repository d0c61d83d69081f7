"""Deliveries: contacts that entered and left segments are sent to other programs, at least once."""
