"""What deliveries of every kind share: pending attempts, the log, retries, backlogs, the health of receivers, the owner's view.

Promise: an attempt that is recorded is not made again; what is written here carries a version and is read by two versions.
Read: attempt (words and data), codec (how they are stored and queued), messages, ports; then retry_schedule and
receiver_health (pure rules), backlog, retry_scheduler, history, service_events; storage/ has the tables and the queue.
"""
