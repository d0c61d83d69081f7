"""A segment as one SQL query: a second reading of the rules, which shares nothing with the one in Polars."""
