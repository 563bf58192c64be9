"""The TOM in which the tests of the Django app run."""
