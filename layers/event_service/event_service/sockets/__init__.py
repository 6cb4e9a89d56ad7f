"""WebSocket endpoints: a log for each endpoint, its open connections, and posting from the one to the other.

Promise: a client that reconnects with the last sequence it saw misses nothing, in order, within the retention.
Read ``destination`` (the type), ``connection``, ``wake_up``, ``frames``, ``client_messages`` (the data), ``log`` (appending),
``connections`` (connecting), ``delivery``, ``group``, ``client``, ``log_window``, ``outside`` (posting),
``ports``, ``poster``, ``storage``.
"""
