"""The service: what all functions share. Each package is one capability; one imports only those before it in this list.

Promise: no package knows how another one is built: only ``wiring`` builds, ``settings`` reads the environment, ``observability`` logs.
Read ``base``, ``http`` and ``aws`` (tools), ``access`` (tokens), ``filters``, ``counting``, ``jobs``, ``configuration`` (endpoints), ``events``
(publishing), ``delivery`` (what types of endpoints share), ``webhooks`` and ``sockets``, ``routing``, ``explain``.
"""
