"""What happened in each minute, and which types of events there were: gathered by the functions, written rarely, read for charts.

Promise: no event and no delivery fails because of a count, and a warm function writes at most once a minute for a workspace.
Read ``ports`` (what is counted), ``counters`` (what a function gathers), ``statistics`` (a chart), ``seen_types`` (the same for types of
events, by the hour); ``storage`` has the rows, in the due table.
"""
