"""WebSocket endpoints: a log for each endpoint, its open connections, and posting from the one to the other.

Promise: a client that reconnects with the last sequence it saw misses nothing, in order, within the retention. Read ``destination``,
``outlet``, ``replay_target``, ``connection``, ``messages``, ``frames``, ``client_messages`` (data), ``log``, ``places``, ``limits``,
``connections``, ``slow_clients``, ``open_connections``, ``observer``, ``waking``, ``delivery``, ``live_run``, ``own_lane``, ``lanes``,
``client``, ``log_window``, ``narrowing``, ``budget``, ``pace``, ``outside``; ``ports``, ``filter_ports``, ``poster``, ``storage``.
"""
