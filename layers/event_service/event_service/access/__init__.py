"""Tokens: who calls, for which workspace, and what they may do.

Promise: only hashes are stored, and a revoked token stops working within 60 seconds everywhere.
Read ``token`` (what a token is), ``tokens`` (issue, check, revoke), ``last_use``, ``ports``, ``storage``.
"""
