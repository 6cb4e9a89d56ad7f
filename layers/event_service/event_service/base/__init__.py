"""What every other package may use: errors, dates, ids, names and JSON. Standard library only.

Promise: input is judged by one rule wherever it comes in, and every error is a sentence for the person who made the mistake.
Read ``errors`` (what can go wrong, and its codes), ``json_values``, ``dates``, ``identifiers``, ``names``, ``marks``,
``problems`` (how input is judged), ``queue_message`` (formats with a version), ``trace_context`` (one id from door to receiver),
``allowance`` (what a request may still use), ``actor`` (who makes a change), ``page`` and ``look_through`` (lists),
``characters``, ``threads``, ``clock``.
"""
