"""Write the data of each target into tables that the programs of astronomers read."""
