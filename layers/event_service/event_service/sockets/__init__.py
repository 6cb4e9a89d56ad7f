"""WebSocket endpoints: the log of each endpoint, its open connections, and posting the one to the other.

It promises that a client which reconnects with the last sequence it saw misses nothing, in order, within the retention.
Read in this order: ``connection``, ``wake_up``, ``frames`` and ``client_messages`` (the data), ``log`` (appending),
``connections`` (connecting), ``delivery``, ``group``, ``client``, ``log_window`` (posting), ``ports``, ``poster``, ``storage``.
"""
