"""Snapshots in object storage: S3, Google Cloud Storage and Azure, through the clients that PyArrow has."""
