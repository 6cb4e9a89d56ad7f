"""Event filters: which events an endpoint receives. Pure rules, without AWS.

Promise: the verdict of EventBridge for every pattern, and for each event a bounded number of steps, whatever the filters are.
Read ``event_filter`` (a condition, ``in`` and ``pattern``), ``patterns`` (one pattern: its language and its truth), ``matching``
(many filters at once: an index).
"""
