"""Requests over aiohttp's connections, without its session: for webhooks and for posts to sockets, which are most of what is sent.

Promise: a request leaves as it was given, in one piece, and a connection whose answer was not read to its end is not used again.
Read ``request`` (what is written), ``readable`` (what nobody asked for), then ``exchange`` (one request and its answer, from AWS;
webhooks have a reader of their own, since their receivers may be hostile).
"""
