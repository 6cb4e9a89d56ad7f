"""What is changed in MiniStack's polling of queues is there to be changed: a name of another release would be set and never read."""

from __future__ import annotations

import json
import os
import subprocess

from local.tools import MINISTACK_PYTHON, ROOT

PROGRAM = """
import json
from ministack.services import lambda_svc
from local.host import queues
names = ("_ESM_IDLE_WAKE_GAP_SECONDS", "_ESM_BACKOFF_SECONDS")
before = [getattr(lambda_svc, name, None) for name in names]
queues.install()
after = [getattr(lambda_svc, name) for name in names]
mapping = {"ScalingConfig": {"MaximumConcurrency": "7"}}
print(json.dumps({"before": before, "after": after, "fifo": lambda_svc._sqs_esm_concurrency(mapping, {}, {}, {"is_fifo": True})}))
"""


def test_polling_is_changed_where_ministack_reads_it() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [str(MINISTACK_PYTHON), "-c", PROGRAM]
    answer = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)

    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1]) == {"before": [0.05, 1.0], "after": [0.002, 0.2], "fifo": 7}
