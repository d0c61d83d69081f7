"""Evaluation of plans: for now on one machine, batch by batch."""
