"""What the local stack changes in MiniStack, the local AWS, each change with its reason.

Runs inside MiniStack's process, under the interpreter of MiniStack's own environment: imports nothing of this project but
this package. ``local/ministack_host.py`` starts it.
"""
