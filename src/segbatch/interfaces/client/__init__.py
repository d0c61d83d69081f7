"""The Python client of the API. Its public name is `segbatch.client`."""
