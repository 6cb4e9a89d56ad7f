"""Why something happened: what was changed, why an event did or did not reach an endpoint, what a filter would match.

Promise: nothing here changes anything, each answer is bounded in time and bytes, and no verdict differs from the router's.
Read ``changes`` and ``difference`` (the history of a configuration, for people), ``configuration_then`` (an endpoint's configuration when
an event was routed), ``past_configuration`` (all of it at a version), ``delivery`` (why an event did or did not arrive) with ``outcome``
and ``sentences``, ``last_match`` (of a filter), ``backtest`` (a filter over retained events) with ``judge`` and ``tally``, ``ports``.
"""
