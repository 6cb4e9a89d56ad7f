"""What a request of the tool makes anew, and what it keeps."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest

from cli import http_requests
from cli.http_requests import post
from tests.fakes.graphql_api import GraphqlDouble
from tests.integration.cli.conftest import TOKEN


def test_the_trusted_certificates_are_read_once_in_a_run(api: GraphqlDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Any] = []
    build = urllib.request.build_opener

    def noted(*handlers: Any) -> urllib.request.OpenerDirector:
        built.append(handlers)
        return build(*handlers)

    monkeypatch.setattr(urllib.request, "build_opener", noted)
    http_requests._opener.cache_clear()

    for _ in range(3):
        post(api.url, b'{"query": "{ __typename }", "variables": {}}', {"content-type": "application/json", "token": TOKEN}, 10)

    assert len(built) == 1
