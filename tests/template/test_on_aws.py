"""What only AWS has, and no stand-in: domain names, networks, CodeDeploy, policies of dead-letter queues, names that stacks share."""

from __future__ import annotations

from typing import Any

from tests.template_file import resources, template

NOTHING = {"Ref": "AWS::NoValue"}


def _resource(name: str) -> dict[str, Any]:
    found: dict[str, Any] = template()["Resources"][name]
    return found


def test_domain_names_lead_to_both_apis_and_close_the_address_of_aws() -> None:
    for kind, api, stage in (("Http", "HttpApi", "HttpApiStage"), ("WebSocket", "WebSocketApi", "WebSocketApiliveStage")):
        name, mapping = _resource(f"{kind}Domain"), _resource(f"{kind}DomainMapping")
        assert name["Condition"] == mapping["Condition"]
        assert name["Properties"]["DomainNameConfigurations"][0]["CertificateArn"] == {"Ref": "CertificateArn"}
        assert mapping["Properties"] == {"ApiId": {"Ref": api}, "DomainName": {"Ref": f"{kind}Domain"}, "Stage": {"Ref": stage}}
    assert _resource("HttpApi")["Properties"]["DisableExecuteApiEndpoint"] == {"Fn::If": ["HasDomainName", True, False]}
    # Not so of the WebSocket API: the service itself posts to connections there.
    assert "DisableExecuteApiEndpoint" not in _resource("WebSocketApi")["Properties"]
    assert template()["Rules"]["DomainNamesNeedACertificate"]


def test_browsers_may_send_cloud_events_and_see_when_to_come_again() -> None:
    cors = _resource("HttpApi")["Properties"]["CorsConfiguration"]["Fn::If"][1]

    attributes = {f"ce-{name}" for name in ("id", "source", "specversion", "type", "time", "subject", "dataschema")}
    assert {*attributes, "token"} <= set(cors["AllowHeaders"])
    assert cors["ExposeHeaders"] == ["retry-after"]


def test_webhooks_alone_can_be_sent_from_a_network() -> None:
    functions = resources("AWS::Serverless::Function")
    inside = {"SubnetIds": {"Ref": "SubnetIds"}, "SecurityGroupIds": {"Ref": "SecurityGroupIds"}}

    assert functions["WebhookDeliveryFunction"]["Properties"]["VpcConfig"] == {"Fn::If": ["HasVpc", inside, NOTHING]}
    assert [name for name, one in functions.items() if "VpcConfig" in one["Properties"]] == ["WebhookDeliveryFunction"]


def test_a_new_version_can_be_tried_by_few_and_is_taken_back_when_it_fails() -> None:
    functions = resources("AWS::Serverless::Function")
    gradual = {
        name: one["Properties"]["DeploymentPreference"] for name, one in functions.items() if "DeploymentPreference" in one["Properties"]
    }

    assert set(gradual) == {"GraphqlApiFunction", "WebsocketFunction"}, "queues are worked off by whichever version there is"
    for name, preference in gradual.items():
        alarm = f"{name.removesuffix('Function')}RollbackAlarm"
        assert preference == {
            "Enabled": {"Ref": "DeploymentPreference"},
            "Type": {"Ref": "DeploymentPreference"},
            "Alarms": [{"Ref": alarm}],
        }
        assert _resource(alarm)["Properties"]["Dimensions"][0] == {"Name": "FunctionName", "Value": {"Ref": name}}
    assert template()["Parameters"]["DeploymentPreference"]["Default"] == "false"


def test_only_the_stacks_own_rules_put_failures_into_their_queue() -> None:
    allowed = _resource("AsyncDlqPolicy")["Properties"]["PolicyDocument"]["Statement"][1]

    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")
    rules = [one["Fn::Sub"].partition(":rule/")[2] for one in allowed["Condition"]["ArnLike"]["aws:SourceArn"]]
    assert rules == ["${AWS::StackName}-*", "*/${AWS::StackName}-*"]


def test_stacks_of_a_region_share_no_layer() -> None:
    names = [layer["Properties"]["LayerName"]["Fn::Sub"] for layer in resources("AWS::Serverless::LayerVersion").values()]

    assert len(names) == len(set(names)) == 2
    assert all(name.startswith("${AWS::StackName}-") for name in names)
