"""What every other package may use: errors, dates, ids, names and JSON. Standard library only.

Promise: input is judged by one rule wherever it comes in, and every error is a sentence for the person who made the mistake.
Read ``errors`` (codes), ``json_values``, ``dates``, ``identifiers``, ``names``, ``marks``, ``characters``, ``problems`` (judging input),
``formats`` and ``queue_message`` (numbered forms), ``trace_context`` (one id from door to receiver), ``allowance`` (what a request may
use), ``actor`` (who makes a change), ``page`` and ``look_through`` (lists), ``threads``, ``clock``.
"""
