"""Sending events to webhooks: from a batch of queue messages to signed requests, records and what follows from the answers.

Promise: at least once, countable, never to an address that is not public, and no receiver delays another one's events.
Read: deliver (a batch), attempt (one request), record (what is written in which order), health (warnings, disabling);
verdict (what an answer means), signature, url, addresses, exchange (pure), http_sender (aiohttp), assembly (how it is put together).
"""
