"""Events: publishing, storing and reading them back.

Promise: a publish is accepted as a whole or not at all, and an accepted event is stored although its publisher dies.
Read ``event`` and ``new_event`` (the data and its limits), ``publishing``, ``cloud_events`` (the other door), ``routing_message``
(what the router receives), ``reading`` with ``search``, ``pattern_look`` and ``sort_key`` (lists and counts), ``ports``, ``storage``.
"""
