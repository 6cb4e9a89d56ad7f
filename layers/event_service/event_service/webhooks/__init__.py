"""Sending events to webhooks: from a batch of queue messages to signed requests and records.

Promise: at least once, countable, never to an address that is not public, and no receiver delays another one's events.
Read ``destination``, ``outlet``, ``replay_target``, ``deliver``, ``batch`` (shared lane), ``attempt``, ``record``, ``recording``,
``lane_switch``, ``own_lane``, ``turn``, ``lane_rows``, ``pace`` (an owner), ``health``, ``observer``; ``verdict``, ``signature``, ``url``,
``addresses``, ``exchange``; ``http_sender``, ``sending``; ``endpoint_test``, ``tester``; ``assembly``, ``ports``, ``storage``.
"""
