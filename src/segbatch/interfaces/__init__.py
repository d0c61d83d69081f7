"""The ways into the program: command line, REST API, Python client, Airflow. They only translate."""
