"""Explanations of why a contact is in a segment or not, and counts of the contacts that each rule keeps.

Verdicts come from the same predicates as the membership. The explanation only puts the results into words.
"""
