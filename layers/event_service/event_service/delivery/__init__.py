"""What deliveries of every kind share: attempts, the log, retries, backlogs, the health of receivers, the owner's view.

Promise: an attempt that is recorded is not made again, and what travels or outlives a release (messages, backlogs, the log) is numbered.
Read ``attempt`` (words and data), ``codec``, ``messages``, ``webhook_id``, ``ports``, ``outlet``, ``replay_target`` (ways in); the rules
``retry_schedule`` and ``receiver_health``; ``lane`` and ``lanes``, ``retry_scheduler``, ``resending``, ``places``, ``lists``, ``history``,
``receiver_reports``, ``cancelling``, ``erasing``, ``service_events``; ``storage`` has the tables and the queues.
"""
