"""An upgrade really changes what runs: callers reach a function through its alias, and the alias points at a version."""

from __future__ import annotations

import pytest

from local.build import defaults_of
from local.deploy import parameters_of, release_of
from local.tools import ROOT, ToolError
from tests.template.translation import translations
from tests.template_file import resources, template

TEMPLATE = (ROOT / "template.yaml").read_text(encoding="utf-8")


LAYERS = ["layers/event_service", "layers/dependencies"]


def _with_changed(layer: str) -> str:
    return TEMPLATE.replace(f"ContentUri: {layer}\n", f"ContentUri: {layer}-changed\n")


VARIANTS: dict[str, tuple[str, dict[str, str]]] = {
    "as it is": (TEMPLATE, {}),
    "as it is, again": (TEMPLATE, {}),
    **{layer: (_with_changed(layer), {}) for layer in LAYERS},
    **{level: (TEMPLATE, {"Release": release_of("0" * 64, {"LogLevel": level})}) for level in ("INFO", "DEBUG")},
}


@pytest.fixture(scope="module")
def versions() -> dict[str, set[str]]:
    """The logical ids of the function versions that a deployment of each variant would publish; a new id is a new version."""
    expanded = [one.expanded["Resources"] for one in translations(VARIANTS.values())]
    return {
        variant: {name for name, resource in of_variant.items() if resource["Type"] == "AWS::Lambda::Version"}
        for variant, of_variant in zip(VARIANTS, expanded, strict=True)
    }


def test_the_same_release_publishes_nothing_new(versions: dict[str, set[str]]) -> None:
    assert len(versions["as it is"]) == len(resources("AWS::Serverless::Function"))
    assert versions["as it is, again"] == versions["as it is"]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_changed_layer_alone_publishes_a_new_version_of_every_function(layer: str, versions: dict[str, set[str]]) -> None:
    assert _with_changed(layer) != TEMPLATE
    assert len(versions[layer]) == len(versions["as it is"])
    assert versions[layer].isdisjoint(versions["as it is"])


def test_changed_parameter_publishes_every_function_anew(versions: dict[str, set[str]]) -> None:
    assert len(versions["DEBUG"]) == len(versions["INFO"]) == len(versions["as it is"])
    assert versions["DEBUG"].isdisjoint(versions["INFO"])


def test_what_is_given_to_make_deploy_wins_over_what_is_written() -> None:
    parameters = parameters_of("production", "EventRetentionDays=90 AllowedNetworks='10.0.0.0/8,10.1.0.0/16'")

    assert parameters["EventRetentionDays"] == "90"
    assert parameters["AllowedNetworks"] == "10.0.0.0/8,10.1.0.0/16"
    assert parameters["DeletionProtection"] == "true"


@pytest.mark.parametrize(
    ("config", "given", "said"), [("staging", "", "has the environments default, dev, production"), ("default", "Odd", "'Odd'")]
)
def test_a_mistake_in_the_parameters_is_named(config: str, given: str, said: str) -> None:
    with pytest.raises(ToolError, match=said):
        parameters_of(config, given)


def test_a_local_deployment_gives_every_parameter_and_keeps_no_old_value() -> None:
    declared = template()["Parameters"]

    defaults = defaults_of(ROOT / "template.yaml")

    assert defaults == {name: str(one["Default"]) for name, one in declared.items() if one["Default"] != ""}
