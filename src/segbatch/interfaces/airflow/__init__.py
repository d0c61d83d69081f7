"""The Airflow operator and its parts. Its public name is `segbatch.airflow`."""
