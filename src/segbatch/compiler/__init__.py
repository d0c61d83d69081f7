"""From rules to Polars expressions that are never null, and to a plan in which segments share them."""
