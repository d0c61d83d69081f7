"""Publishing to Iceberg tables, with the library pyiceberg (the extra `iceberg`)."""
