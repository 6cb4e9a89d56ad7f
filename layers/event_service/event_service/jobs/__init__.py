"""Jobs: long work of one workspace, done in steps of some seconds.

Promise: a step that is killed is done again from the same place and counted once, and no job goes on for ever.
Read ``job`` (what its row holds), ``jobs`` (starting, following, cancelling), ``runner`` (one step a message), ``ports`` (the message, and
what is needed from outside); ``storage`` has the rows, in the due table, and the queue.
"""
