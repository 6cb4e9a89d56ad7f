"""The only general users of the AWS SDK: one DynamoDB client, one SQS client, request signatures.

Promise: every call has a time-out, retries back off with jitter, and AWS's errors become those of ``base``.
Read ``dynamodb`` (items, queries), ``connection``, ``actions`` (transactions), ``batches``, ``dynamodb_errors``, ``sqs`` (sends
that mark a possible repeat), ``plain_batches``, ``signature_v4`` and ``user_agent``, which save processor time.
"""
