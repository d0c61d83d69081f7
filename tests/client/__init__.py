"""The Python client, over a server that is made up; `end_to_end` has the real one."""
