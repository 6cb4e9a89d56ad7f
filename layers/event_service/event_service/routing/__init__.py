"""Routing: from accepted events to the endpoints that receive them.

Promise: an event reaches every endpoint that the configuration names, at the latest the one in force when it was accepted.
Read ``table`` (endpoints, links and filters in memory), ``tables`` (kept current), ``packed`` and ``storage`` (shared by many routers);
``router`` (isolates), ``work``, ``ownership``, ``fan_out``, ``hand_over``, ``refused_filters``, ``service_event_rules``; ``replay``,
``bulk_retry`` over ``endpoint_routing`` (sending again), ``job_steps`` (the same as jobs); ``ports``.
"""
