"""Endpoints, event filters and links of a workspace, and the chain of change sets that they are committed by.

Promise: a change is made as a whole or not at all, and whoever made it reads it back at once.
Read ``endpoint``, ``destinations`` (what its type says), ``changes``, ``change_note``, ``codec`` (stored forms), ``chain`` (committing),
``effects`` (what follows), ``requests`` (idempotency), ``existence``; the use cases ``endpoints``, ``event_filters``, ``links``,
``secret_rotation``, ``endpoint_lists``, ``event_filter_lists``, put together in ``configuration``; ``secrets``, ``ports``, ``storage``.
"""
