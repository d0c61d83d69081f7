"""Publishing to Delta tables, with the library deltalake (the extra `delta`)."""
