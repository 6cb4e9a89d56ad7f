"""Many filters at once: an index that finds those an event meets without asking each.

Promise: the same verdicts as one pattern at a time, within a bounded number of steps for an event.
Read ``matcher``, ``conditions`` (a filter in the index), ``path_index`` (who waits at a path) over ``table``, ``postings``,
``value_tables``, ``text_tables`` and ``intervals``; ``elements`` (values of one array), ``budget`` and ``size`` (what it costs),
``explanation`` (why not).
"""
