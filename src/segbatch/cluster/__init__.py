"""A run on several machines: each part of the work is a pure function, which an engine calls on its workers.

One pass over the contacts (`map`), one exchange of their bits by a hash of the contact id, and one `reduce` per bucket
of contacts, which does for the bucket what a run on one machine does for all contacts. Memberships are never exchanged:
workers write the files of the run, and the driver gives them their final names.
"""
