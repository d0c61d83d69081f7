"""Generation of SQL queries from segments: a second implementation of the rules, independent of the Polars one."""
