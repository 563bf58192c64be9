"""Share with other TOMs: stock tomtoolkit 3.x and 2.x receivers, through their REST API, and TOMs with
sharecore.
"""
