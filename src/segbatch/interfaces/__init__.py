"""The interfaces: command line, REST API, Python client and Airflow operator. They only translate to the use cases."""
