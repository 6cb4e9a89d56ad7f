"""Sending events to webhooks: from a batch of queue messages to signed requests and records.

Promise: at least once, countable, never to an address that is not public, and no receiver delays another one's events.
Read ``destination`` (the type), ``deliver`` and ``batch`` (the shared lane), ``attempt`` (one request), ``record`` and ``recording`` (the
order of writes), ``lane_switch`` (the way into the own lane), ``own_lane``, ``turn``, ``lane_rows`` and ``pace`` (an owner at work),
``health``, ``observer``; the rules ``verdict``, ``signature``, ``url``, ``addresses``, ``exchange``;
``http_sender``, ``sending``, ``endpoint_test`` and ``tester`` (test events), ``assembly`` (puts all together), ``ports``, ``storage``.
"""
