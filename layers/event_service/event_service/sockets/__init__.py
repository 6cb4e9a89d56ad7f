"""WebSocket endpoints: a log for each endpoint, its open connections, and posting from the one to the other.

Promise: a client that reconnects with the last sequence it saw misses nothing, in order, within the retention.
Read ``destination``, ``outlet``, ``replay_target``, ``connection``, ``messages``, ``frames``, ``client_messages``, ``log``, ``places``,
``connections``, ``limits``, ``slow_clients``, ``open_connections``, ``observer``, ``waking``, ``delivery``, ``live_run``, ``lanes``,
``own_lane``, ``client``, ``log_window``, ``narrowing``, ``budget``, ``pace``, ``outside``; ``poster``, ``ports``, ``filter_ports``, ``storage``.
"""
