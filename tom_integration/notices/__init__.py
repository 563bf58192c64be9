"""Tell people by mail what is wrong with their shares, and when it is solved."""
