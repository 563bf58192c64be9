"""Where the app meets tomtoolkit: what it takes over, and what it listens to."""
