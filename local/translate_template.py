"""Expands template.yaml to plain CloudFormation, as AWS does when it deploys it.

Both `sam validate` and `cfn-lint` overlook mistakes that only show in the expanded template. Run with the interpreter of
the SAM environment, which has the translator; needs neither credentials nor a network:

    .local/env/sam/bin/python local/translate_template.py template.yaml [Parameter=value ...] > cloudformation.json
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse  # type: ignore[import-not-found]  # only in the SAM environment
from samtranslator.translator.transform import transform  # type: ignore[import-not-found]  # likewise


class _NoManagedPolicies:
    """Stands in for the list of AWS-managed policies: the template names none."""

    def load(self) -> dict[str, str]:
        return {}


def translate(template: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    """The expanded template, with every parameter that is not given at its default."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::CloudFormation::Stack":
            properties["TemplateURL"] = f"https://s3.amazonaws.com/artifacts/{properties['TemplateURL']}"  # packaging does the same
        for name in ("CodeUri", "ContentUri"):
            if isinstance(properties.get(name), str):  # a folder here; packaging makes it a place in a bucket
                properties[name] = {"Bucket": "artifacts", "Key": properties[name]}
    parameters = {name: parameter.get("Default", "x") for name, parameter in template["Parameters"].items()}
    expanded: dict[str, Any] = transform(template, parameters | given | {"AWS::Region": "us-east-1"}, _NoManagedPolicies())
    return expanded


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    overrides = dict(pair.split("=", 1) for pair in sys.argv[2:])
    json.dump(translate(yaml_parse(Path(sys.argv[1]).read_text(encoding="utf-8")), overrides), sys.stdout, indent=1)
