"""A run: plan, predecessor, guardrails, evaluation, publication."""
