"""Serve the pages of continuous and one-time sharing, on the URLs of tomtoolkit and beside them."""
