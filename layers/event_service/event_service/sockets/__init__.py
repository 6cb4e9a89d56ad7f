"""WebSocket endpoints: a log for each endpoint, its open connections, and posting from the one to the other.

Promise: a client that reconnects with the last sequence it saw misses nothing, in order, within the retention.
Read ``destination`` (the type), ``connection``, ``messages``, ``frames``, ``client_messages`` (the data), ``log`` (appending),
``connections``, ``limits``, ``slow_clients`` (connecting), ``open_connections`` (listing), ``places`` (of events), ``observer``,
``waking`` (changes), ``delivery``, ``live_run`` (groups), ``own_lane``, ``lanes`` (single connections), ``client``,
``log_window``, ``narrowing``, ``budget``, ``pace``, ``outside`` (posting), ``ports``, ``filter_ports``, ``poster``, ``storage``.
"""
