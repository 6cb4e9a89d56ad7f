"""The role that deploys from GitHub: ``deploy-role.yaml``, written from what the templates hold.

    .venv/bin/python -m local.deploy_role            (needs the SAM environment: local/setup.sh dev sam)

What CloudFormation does for a type of resource is done with the permissions of whoever deploys. :data:`FOR_TYPE` names them, each for
resources whose names begin with the stack's; a type that it lacks is an error, so that the role grows with the template.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from local.tools import ROOT, SAM_PYTHON, ToolError

FILE: Final = ROOT / "deploy-role.yaml"
MOST_BYTES: Final = 6_144
"""Of a managed policy, without white space (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""
TEMPLATES: Final = ("template", "monitoring", "console")
GRADUAL: Final = "DeploymentPreference=Canary10Percent5Minutes"
"""With it SAM makes more resources."""

_LAMBDA_FUNCTION: Final = (
    "lambda:CreateFunction DeleteFunction GetFunction GetFunctionConfiguration UpdateFunctionCode UpdateFunctionConfiguration "
    "PutFunctionConcurrency DeleteFunctionConcurrency GetFunctionCodeSigningConfig GetRuntimeManagementConfig GetFunctionRecursionConfig "
    "PutFunctionRecursionConfig PublishVersion ListVersionsByFunction GetProvisionedConcurrencyConfig CreateAlias UpdateAlias DeleteAlias "
    "GetAlias ListAliases AddPermission RemovePermission GetPolicy PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig "
    "DeleteFunctionEventInvokeConfig GetFunctionEventInvokeConfig TagResource UntagResource ListTags"
)
_ROLES: Final = "iam::${AWS::AccountId}:role/{stack}-*"
_TAGS: Final = "TagResource UntagResource ListTagsForResource"


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions of one service (``service:One Two``) on resources; ``{stack}`` and ``{where}`` (Region and account) are filled in."""

    actions: str
    resources: tuple[str, ...]
    condition: tuple[str, str, str] | None = None
    """Operator, key and value."""


_FUNCTION: Final = Grant(_LAMBDA_FUNCTION, ("lambda:{where}:function:{stack}-*",))
_MAPPINGS: Final = Grant(
    "lambda:CreateEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping GetEventSourceMapping",
    ("*",),
    ("ArnLike", "lambda:FunctionArn", "arn:${AWS::Partition}:lambda:{where}:function:{stack}-*"),
)
_API: Final = Grant(
    "apigateway:GET POST PUT PATCH DELETE",
    ("apigateway:${AWS::Region}::/apis", "apigateway:${AWS::Region}::/apis/*", "apigateway:${AWS::Region}::/tags/*"),
)
_DOMAINS: Final = Grant(
    "apigateway:GET POST PUT PATCH DELETE", ("apigateway:${AWS::Region}::/domainnames", "apigateway:${AWS::Region}::/domainnames/*")
)
_QUEUE: Final = Grant(
    "sqs:CreateQueue DeleteQueue GetQueueAttributes SetQueueAttributes GetQueueUrl ListQueueTags TagQueue UntagQueue",
    ("sqs:{where}:{stack}-*",),
)
_TOPIC: Final = Grant(
    f"sns:CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes Subscribe Unsubscribe ListSubscriptionsByTopic {_TAGS}",
    ("sns:{where}:{stack}-*",),
)
_CODE_DEPLOY: Final = Grant(
    "codedeploy:CreateApplication DeleteApplication GetApplication CreateDeploymentGroup UpdateDeploymentGroup DeleteDeploymentGroup "
    "GetDeploymentGroup CreateDeployment GetDeployment StopDeployment GetDeploymentConfig RegisterApplicationRevision "
    "GetApplicationRevision",
    (
        "codedeploy:{where}:application:{stack}-*",
        "codedeploy:{where}:deploymentgroup:{stack}-*/*",
        "codedeploy:{where}:deploymentconfig:*",
    ),
)

FOR_TYPE: Final[dict[str, tuple[Grant, ...]]] = {
    "AWS::ApiGatewayV2::Api": (_API,),
    "AWS::ApiGatewayV2::ApiMapping": (_DOMAINS,),
    "AWS::ApiGatewayV2::DomainName": (_DOMAINS,),
    "AWS::ApiGatewayV2::Integration": (_API,),
    "AWS::ApiGatewayV2::Route": (_API,),
    "AWS::ApiGatewayV2::RouteResponse": (_API,),
    "AWS::ApiGatewayV2::Stage": (
        _API,
        # Access logs are delivered by CloudWatch, whose settings have no names.
        Grant(
            "logs:CreateLogDelivery GetLogDelivery UpdateLogDelivery DeleteLogDelivery ListLogDeliveries PutResourcePolicy "
            "DescribeResourcePolicies",
            ("*",),
        ),
    ),
    "AWS::CloudFormation::Stack": (),
    "AWS::CloudWatch::Alarm": (
        Grant(f"cloudwatch:PutMetricAlarm DeleteAlarms DescribeAlarms {_TAGS}", ("cloudwatch:{where}:alarm:{stack}-*",)),
    ),
    "AWS::CloudWatch::Dashboard": (
        Grant("cloudwatch:PutDashboard GetDashboard DeleteDashboards", ("cloudwatch::${AWS::AccountId}:dashboard/{stack}-*",)),
    ),
    "AWS::CodeDeploy::Application": (_CODE_DEPLOY,),
    "AWS::CodeDeploy::DeploymentGroup": (_CODE_DEPLOY,),
    "AWS::DynamoDB::Table": (
        Grant(
            "dynamodb:CreateTable DeleteTable UpdateTable DescribeTable UpdateTimeToLive DescribeTimeToLive UpdateContinuousBackups "
            "DescribeContinuousBackups DescribeContributorInsights DescribeKinesisStreamingDestination GetResourcePolicy TagResource "
            "UntagResource ListTagsOfResource",
            ("dynamodb:{where}:table/{stack}-*",),
        ),
    ),
    "AWS::Events::Rule": (
        Grant(
            f"events:PutRule DeleteRule DescribeRule EnableRule DisableRule PutTargets RemoveTargets ListTargetsByRule {_TAGS}",
            ("events:{where}:rule/{stack}-*", "events:{where}:rule/*/{stack}-*"),
        ),
    ),
    "AWS::IAM::ManagedPolicy": (
        Grant(
            "iam:CreatePolicy DeletePolicy GetPolicy CreatePolicyVersion DeletePolicyVersion ListPolicyVersions GetPolicyVersion",
            ("iam::${AWS::AccountId}:policy/{stack}-*",),
        ),
    ),
    "AWS::IAM::Role": (
        Grant(
            "iam:CreateRole DeleteRole GetRole UpdateRole UpdateAssumeRolePolicy PutRolePolicy DeleteRolePolicy GetRolePolicy "
            "ListRolePolicies AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies TagRole UntagRole",
            (_ROLES,),
        ),
        Grant("iam:PassRole", ("iam::${AWS::AccountId}:role/{stack}-*",), ("StringEquals", "iam:PassedToService", "lambda.amazonaws.com")),
        Grant(
            "iam:PassRole", ("iam::${AWS::AccountId}:role/{stack}-*",), ("StringEquals", "iam:PassedToService", "codedeploy.amazonaws.com")
        ),
    ),
    "AWS::Lambda::Alias": (_FUNCTION,),
    "AWS::Lambda::EventInvokeConfig": (_FUNCTION,),
    "AWS::Lambda::EventSourceMapping": (_MAPPINGS,),
    "AWS::Lambda::Function": (
        _FUNCTION,
        # Only with SubnetIds.
        Grant("ec2:DescribeSubnets DescribeSecurityGroups DescribeVpcs", ("*",)),
    ),
    "AWS::Lambda::LayerVersion": (
        Grant(
            "lambda:PublishLayerVersion DeleteLayerVersion GetLayerVersion ListLayerVersions",
            ("lambda:{where}:layer:{stack}-*", "lambda:{where}:layer:{stack}-*:*"),
        ),
    ),
    "AWS::Lambda::Permission": (_FUNCTION,),
    "AWS::Lambda::Version": (_FUNCTION,),
    "AWS::Logs::LogGroup": (
        Grant(
            f"logs:CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy AssociateKmsKey DisassociateKmsKey {_TAGS}",
            ("logs:{where}:log-group:/aws/lambda/{stack}-*", "logs:{where}:log-group:/aws/vendedlogs/{stack}/*"),
        ),
        Grant("logs:DescribeLogGroups", ("*",)),
    ),
    "AWS::Logs::QueryDefinition": (Grant("logs:PutQueryDefinition DeleteQueryDefinition DescribeQueryDefinitions", ("*",)),),
    "AWS::SNS::Subscription": (_TOPIC, Grant("sns:GetSubscriptionAttributes", ("*",))),
    "AWS::SNS::Topic": (_TOPIC,),
    "AWS::SNS::TopicPolicy": (_TOPIC,),
    "AWS::SQS::Queue": (_QUEUE,),
    "AWS::SQS::QueuePolicy": (_QUEUE,),
}
"""What CloudFormation does to create, read, change and delete each type of resource."""

FOR_MAKE_DEPLOY: Final = (
    Grant(
        "cloudformation:CreateChangeSet DescribeChangeSet ExecuteChangeSet DeleteChangeSet DescribeStacks DescribeStackEvents "
        "DescribeStackResource DescribeStackResources ListStackResources GetTemplate CreateStack UpdateStack DeleteStack SetStackPolicy "
        "UpdateTerminationProtection TagResource",
        (
            "cloudformation:{where}:stack/{stack}/*",
            "cloudformation:{where}:stack/{stack}-*/*",
            "cloudformation:{where}:stack/aws-sam-cli-managed-default/*",
            "cloudformation:${AWS::Region}:aws:transform/Serverless-2016-10-31",
        ),
    ),
    Grant("cloudformation:GetTemplateSummary ValidateTemplate", ("*",)),
    Grant(
        "s3:CreateBucket ListBucket GetBucketLocation GetBucketPolicy PutBucketPolicy PutBucketVersioning PutBucketTagging "
        "PutBucketPublicAccessBlock PutEncryptionConfiguration GetObject PutObject",
        ("s3:::aws-sam-cli-managed-default-*",),
    ),
    # local/account.py asks what the account allows.
    Grant("lambda:GetAccountSettings", ("*",)),
    Grant("servicequotas:GetServiceQuota", ("*",)),
    Grant("dynamodb:ListTables", ("*",)),
    Grant("apigateway:GET", ("apigateway:${AWS::Region}::/account",)),
    # local/smoke.py issues a token for itself, and revokes it.
    Grant("dynamodb:PutItem GetItem Query UpdateItem", ("dynamodb:{where}:table/{stack}-TokensTable-*",)),
    Grant("dynamodb:Query", ("dynamodb:{where}:table/{stack}-ConnectionsTable-*", "dynamodb:{where}:table/{stack}-TokensTable-*/index/*")),
)
"""What `make deploy` itself does."""


def types() -> set[str]:
    """The types of resources in the templates, expanded, with a gradual deployment."""
    found: set[str] = set()
    for name in TEMPLATES:
        command = [
            SAM_PYTHON,
            ROOT / "local" / "translate_template.py",
            ROOT / f"{name}.yaml",
            "DeploymentPreference=Canary10Percent5Minutes",
        ]
        answer = subprocess.run([str(part) for part in command], cwd=ROOT, check=False, capture_output=True, text=True)
        if answer.returncode != 0:
            raise ToolError(f"{name}.yaml cannot be expanded:\n{answer.stderr[-2000:]}")
        found |= {resource["Type"] for resource in json.loads(answer.stdout)["Resources"].values()}
    return found


def statements(of_types: Iterable[str]) -> list[dict[str, Any]]:
    """The policy's statements, none twice.

    Raises:
        ToolError: a type is unknown.
    """
    wanted = sorted(of_types)
    if missing := [one for one in wanted if one not in FOR_TYPE]:
        raise ToolError(f"local/deploy_role.py does not say what deploying {', '.join(missing)} takes: add it to FOR_TYPE.")
    grants = dict.fromkeys([*FOR_MAKE_DEPLOY, *(grant for one in wanted for grant in FOR_TYPE[one])])
    return [_statement(grant) for grant in grants]


def _statement(grant: Grant) -> dict[str, Any]:
    service, _, names = grant.actions.partition(":")
    resources = [one if one == "*" else _filled(f"arn:${{AWS::Partition}}:{one}") for one in grant.resources]
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": [f"{service}:{name}" for name in names.split()],
        "Resource": [one if one == "*" else {"Fn::Sub": one} for one in resources],
    }
    if grant.condition is not None:
        operator, key, value = grant.condition
        statement["Condition"] = {operator: {key: {"Fn::Sub": _filled(value)} if "$" in value else value}}
    return statement


def _filled(text: str) -> str:
    return text.replace("{stack}", "${StackName}").replace("{where}", "${AWS::Region}:${AWS::AccountId}")


def policies(of_statements: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The statements in as few policies as their size allows, each with room for a long name of the stack."""
    parts: list[list[dict[str, Any]]] = [[]]
    for statement in of_statements:
        if parts[-1] and size([*parts[-1], statement]) > MOST_BYTES:
            parts.append([])
        parts[-1].append(statement)
    return parts


def size(of_statements: list[dict[str, Any]]) -> int:
    """Characters of a policy as IAM counts them, with a stack's name of 60."""
    text = json.dumps({"Version": "2012-10-17", "Statement": of_statements}, separators=(",", ":"))
    text = text.replace('{"Fn::Sub":', "").replace("${StackName}", "s" * 60).replace("${AWS::Partition}", "aws-us-gov")
    return len(text.replace("${AWS::Region}", "ap-southeast-1").replace("${AWS::AccountId}", "1" * 12))


def template() -> str:
    """The text of ``deploy-role.yaml``."""
    parts = policies(statements(types()))
    resources: dict[str, Any] = {
        f"Permissions{number}": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": {"Version": "2012-10-17", "Statement": part}},
        }
        for number, part in enumerate(parts, 1)
    }
    provider = "arn:${AWS::Partition}:iam::${AWS::AccountId}:oidc-provider/token.actions.githubusercontent.com"
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": {"Fn::Sub": provider}},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:sub": {"Fn::Sub": "repo:${Repository}:environment:${Environment}"},
            }
        },
    }
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": "Deploys one stack from one environment of one repository on GitHub.",
            "MaxSessionDuration": 3600,
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "ManagedPolicyArns": [{"Ref": name} for name in resources],
        },
    }
    document = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The role with which GitHub deploys event-service. One for each stack; the account needs GitHub's OIDC provider.",
        "Parameters": {
            "StackName": {
                "Type": "String",
                "Description": "The stack that it may deploy, and those whose names begin with it and a dash.",
                "AllowedPattern": "^[A-Za-z][A-Za-z0-9-]{0,59}$",
            },
            "Repository": {"Type": "String", "Description": "Owner and name on GitHub.", "AllowedPattern": "^[^/*:]+/[^/*:]+$"},
            "Environment": {"Type": "String", "Description": "The environment on GitHub.", "AllowedPattern": "^[^*:]+$"},
        },
        "Resources": {**resources, "DeployRole": role},
        "Outputs": {"RoleArn": {"Description": "For the variable AWS_DEPLOY_ROLE.", "Value": {"Fn::GetAtt": ["DeployRole", "Arn"]}}},
    }
    head = "# Written by local/deploy_role.py from the resources of the templates. Do not edit: python -m local.deploy_role\n"
    return head + yaml.safe_dump(document, sort_keys=False, width=1_000, default_flow_style=False)


def main() -> int:
    """Writes the file."""
    try:
        Path(FILE).write_text(template(), encoding="utf-8")
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
