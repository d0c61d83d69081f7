"""A second, plain reading of the rules, row by row, against which the program itself is compared."""
