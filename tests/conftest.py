"""Settings that hold for every test: no test may ever reach a real AWS account."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

FAKE_AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    # a profile of the person who runs the tests must not win over the keys above
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}

# The same examples in each run, so that a change and not luck decides whether it passes. No time limit for one example: a machine
# that is busy would decide then. `make fuzz` looks for others.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.register_profile(
    "fuzz",
    derandomize=False,
    database=DirectoryBasedExampleDatabase(Path(__file__).parent.parent / ".local" / "fuzz"),
    deadline=None,
    print_blob=False,
)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Put the false credentials in place before any test module is imported."""
    del config
    os.environ.pop("AWS_PROFILE", None)
    os.environ.update(FAKE_AWS_ENVIRONMENT)


def pytest_collection_finish() -> None:
    """What was loaded until now stays for the whole run: the collector need not look through it again, a million objects each time."""
    gc.collect()
    gc.freeze()
