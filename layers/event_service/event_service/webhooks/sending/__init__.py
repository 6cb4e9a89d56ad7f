"""Below the HTTP client: connections to receivers, names and what goes wrong.

Promise: a connection leads to an address that was judged, and an answer belongs to the request that was sent.
Read ``connection``, ``name_lookup``, ``failures`` (what the owner is told), ``progress`` (how far an attempt came).
"""
