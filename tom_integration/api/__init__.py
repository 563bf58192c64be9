"""Serve the REST API of continuous shares, at the URLs and with the fields of tomtoolkit, and more."""
