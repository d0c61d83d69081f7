"""Why a contact is in a segment or is not, and where a segment loses its contacts.

Every verdict is the answer of the very predicates that membership comes from; words are only put beside it.
"""
