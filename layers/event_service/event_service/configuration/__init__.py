"""Endpoints, event filters and links of a workspace, and the chain of change sets that they are committed by.

Promise: a change is made as a whole or not at all, and whoever made it reads it back at once.
Read ``endpoint`` (what one is), ``destinations`` (what its type says), ``changes``, ``change_note`` and ``codec`` (the stored forms,
which two versions must read), ``chain`` (committing), ``effects`` (what follows), ``requests`` (idempotency keys), ``existence``
(checks), the use cases ``endpoints``, ``event_filters``, ``links``, ``secret_rotation``, put together in ``configuration``,
``endpoint_lists`` and ``event_filter_lists`` (reading), ``secrets``, ``ports``, ``storage``.
"""
