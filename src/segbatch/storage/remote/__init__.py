"""Outputs that are not a folder on a disk: object storage, and tables of Delta and Iceberg.

A run is written into a folder on this machine, as always. Its files are then uploaded under names that no other run
has, and one conditional write makes the run visible. Commands read a local copy of such an output, so that they need no
code for each kind of output.
"""
