"""Snapshots in object storage (S3, Google Cloud Storage and Azure), read with PyArrow's clients."""
