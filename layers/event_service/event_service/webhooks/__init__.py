"""Sending events to webhooks: from a batch of queue messages to signed requests and records.

Promise: at least once, countable, never to an address that is not public, and no receiver delays another one's events.
Read ``destination`` (the type), ``deliver`` and ``batch`` (a batch), ``work``, ``attempt`` (one request), ``record`` (the order of writes),
``health``, ``backlog_run``, ``observer``; the rules ``verdict``, ``signature``, ``url``, ``addresses``, ``exchange``;
``http_sender``, ``sending``, ``endpoint_test`` and ``tester`` (test events), ``assembly`` (puts all together), ``ports``, ``storage``.
"""
