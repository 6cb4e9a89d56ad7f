"""What deliveries of every kind share: attempts, the log, retries, backlogs, the health of receivers, the owner's view.

Promise: an attempt that is recorded is not made again, and everything stored or queued carries a version.
Read ``attempt`` (words and data), ``codec`` (how they are written), ``messages``, ``webhook_id``, ``ports``; then the rules
``retry_schedule`` and ``receiver_health``, and what uses them: ``lane`` and ``lanes``, ``retry_scheduler``, ``resending``, ``history``, ``places``,
``receiver_reports``, ``cancelling``, ``erasing``, ``service_events``; ``storage`` has the tables and the queues.
"""
