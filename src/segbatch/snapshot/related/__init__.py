"""Related tables: one value per contact and aggregate, from the rows that belong to the contact."""
