"""One event pattern: its language, what it means, and how it is said in words.

Promise: the verdict of EventBridge, and an error that says where a pattern is wrong.
Read ``pattern`` (what compiling makes) and ``compile``, over ``pattern_json`` and ``operators``; ``predicates`` (the verdict on one value),
``event_fields`` and ``path_tree`` (an event as patterns see it), ``wording`` (back in words); the rules ``numbers``, ``letter_case``,
``ip_addresses``; ``faults``.
"""
