"""Replace the sharing functions, signal handlers, routes and template tags of tomtoolkit."""
