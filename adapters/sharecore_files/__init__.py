"""Files: the data of each target as a table that astronomers' programs read."""
