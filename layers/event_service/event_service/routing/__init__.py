"""Routing: from accepted events to the endpoints that receive them.

Promise: an event reaches every endpoint that the configuration names, at the latest the one in force when it was accepted.
Read ``table`` (endpoints, links and compiled filters in memory; only the table knows links, the matcher only filters), ``tables``
(kept current by the change sets), ``packed`` (how many routers share what one has read; ``storage`` keeps it), ``router`` (isolates
the messages of a batch), ``work``, ``ownership``, ``fan_out``, ``hand_over``, ``refused_filters``, ``service_event_rules``, ``replay``
into ``replay_targets`` and ``bulk_retry`` over ``endpoint_routing`` (sending again), ``job_steps`` (the same as jobs), ``ports``.
"""
