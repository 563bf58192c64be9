"""Ours and stock tomtoolkit side by side: the same data, receiver and machine, in alternation."""
