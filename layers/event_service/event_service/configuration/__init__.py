"""Endpoints, event filters and links of a workspace, and the chain of change sets that they are committed by.

Promise: a change is made as a whole or not at all, and whoever made it reads it back at once.
Read ``endpoint`` (what one is), ``changes`` (the stored chain, which two versions must read), ``configuration`` (the use cases),
``secrets``, ``ports``, ``storage`` (rows, chain and secrets in DynamoDB).
"""
