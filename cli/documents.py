"""Every GraphQL operation that the tool sends. A test checks each against docs/schema.graphql."""

from __future__ import annotations

from typing import Final

from cli import marks

_PAGE = "endCursor hasNextPage"
_ENDPOINT = f"id name {marks.SHOWN} type status statusReason meta creationDate lastModified eventFilters {{ id name }}"
_FILTER = f"id name {marks.SHOWN} meta creationDate lastModified endpoints {{ id name }}"
_ATTEMPT = "number date durationMs statusCode error responseBody url responseHeaders"
_EVENT = "id type date data agentId cameraId workspaceId creationDate lastModified"

ENDPOINTS: Final = f"""query Endpoints($filters: EndpointFilters, $pagination: PaginationInput, $first: Int, $after: String) {{
  endpoints(filters: $filters, pagination: $pagination, first: $first, after: $after) {{ collectionItems {{ {_ENDPOINT} }} {_PAGE} }}
}}"""
ENDPOINT_HEALTH: Final = """query EndpointHealth($filters: EndpointFilters) {
  endpoints(filters: $filters) {
    collectionItems {
      id name status statusReason
      health {
        ownLane trouble limitedTo waiting notBefore failingSince lastFailureDate disableDate
        lastHour { attempts successRate lastSuccessDate p50Ms p95Ms complete }
      }
    }
  }
}"""
CREATE_WEBHOOK: Final = f"""mutation CreateWebhook(
  $name: String!, $url: String!, $method: String, $filters: [ID!], {marks.VARIABLES}
) {{
  createWebhookEndpoint(
    name: $name, url: $url, method: $method, eventFiltersIds: $filters, {marks.ARGUMENTS}
  ) {{ {_ENDPOINT} }}
}}"""
CREATE_SOCKET: Final = f"""mutation CreateSocket($name: String!, $filters: [ID!], {marks.VARIABLES}) {{
  createWebSocketEndpoint(name: $name, eventFiltersIds: $filters, {marks.ARGUMENTS}) {{ {_ENDPOINT} }}
}}"""
UPDATE_ENDPOINT: Final = f"""mutation UpdateEndpoint(
  $id: ID!, $name: String, $url: String, $method: String, {marks.VARIABLES}
) {{
  updateEndpoint(id: $id, name: $name, url: $url, method: $method, {marks.ARGUMENTS}) {{ {_ENDPOINT} }}
}}"""
DELETE_ENDPOINTS: Final = "mutation DeleteEndpoints($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }"
PAUSE_ENDPOINTS: Final = "mutation PauseEndpoints($ids: [ID!]!) { pauseEndpoints(ids: $ids) { ok } }"
RESUME_ENDPOINTS: Final = """mutation ResumeEndpoints($ids: [ID!]!, $discardWaiting: Boolean) {
  resumeEndpoints(ids: $ids, discardWaiting: $discardWaiting) { ok }
}"""
ENDPOINT_SECRET: Final = "query EndpointSecret($id: ID!) { endpointSecret(id: $id) }"  # noqa: S105 - a query, no secret
ROTATE_SECRET: Final = """mutation RotateSecret($id: ID!, $gracePeriodSeconds: Int) {
  rotateEndpointSecret(id: $id, gracePeriodSeconds: $gracePeriodSeconds)
}"""  # noqa: S105 - as above
TEST_ENDPOINT: Final = f"mutation TestEndpoint($id: ID!) {{ testEndpoint(id: $id) {{ {_ATTEMPT} }} }}"

EVENT_FILTERS: Final = f"""query EventFilters($filters: EventFiltersFilters, $pagination: PaginationInput, $first: Int, $after: String) {{
  eventsFilters(filters: $filters, pagination: $pagination, first: $first, after: $after) {{ collectionItems {{ {_FILTER} }} {_PAGE} }}
}}"""
CREATE_FILTER: Final = f"""mutation CreateFilter(
  $input: EventFiltersInput!, $name: String, $endpoints: [ID!], {marks.VARIABLES}
) {{
  createEventFilters(
    eventFiltersInput: $input, name: $name, endpointIds: $endpoints, {marks.ARGUMENTS}
  ) {{ {_FILTER} }}
}}"""
UPDATE_FILTER: Final = f"""mutation UpdateFilter(
  $id: ID!, $input: EventFiltersInput, $name: String, {marks.VARIABLES}
) {{
  updateEventFilters(id: $id, eventFiltersInput: $input, name: $name, {marks.ARGUMENTS}) {{ {_FILTER} }}
}}"""
DELETE_FILTERS: Final = "mutation DeleteFilters($ids: [ID!]!) { deleteEventFilters(ids: $ids) { ok } }"
LINK: Final = """mutation Link($endpoints: [ID!]!, $filter: ID!) {
  linkEndpointsToEventFilters(endpointIds: $endpoints, eventFiltersId: $filter) { ok }
}"""
UNLINK: Final = """mutation Unlink($endpoints: [ID!]!, $filter: ID!) {
  unlinkEndpointsToEventFilters(endpointIds: $endpoints, eventFiltersId: $filter) { ok }
}"""

PUBLISH: Final = "mutation Publish($events: [EventInput!]!) { publishEvents(events: $events) { ok ids duplicateIds } }"
EVENTS: Final = f"""query Events($filters: EventFilters, $order: EventOrder, $pagination: PaginationInput, $first: Int, $after: String) {{
  events(filters: $filters, order: $order, pagination: $pagination, first: $first, after: $after) {{
    collectionItems {{ {_EVENT} }} {_PAGE}
  }}
}}"""

CHANGES: Final = """query Changes($first: Int, $after: String) {
  changes(first: $first, after: $after) {
    collectionItems { version date actor actorId operation sentence before after }
    endCursor hasNextPage
  }
}"""

CONFIGURATION: Final = """query Configuration($version: Int, $date: DateTime, $first: Int, $after: String) {
  configuration(version: $version, date: $date, first: $first, after: $after) {
    version date complete sentence
    collectionItems { kind id name value eventFiltersIds }
    endCursor hasNextPage
  }
}"""

MATCH_EVENTS: Final = f"""query MatchEvents($input: MatchEventsInput!) {{
  matchEvents(input: $input) {{
    examined matched complete endCursor gained lost
    histogram {{ start examined matched }}
    matches {{ {_EVENT} }}
    nearMisses {{ event {{ {_EVENT} }} clause {{ path present found wanted sentence }} }}
  }}
}}"""
EXPLAIN: Final = """query Explain($event: ID!, $endpoint: ID!) {
  explainDelivery(eventId: $event, endpointId: $endpoint) {
    outcome sentence configurationVersion asRouted sequence endpoint { id name type status }
    delivery { id status nextAttemptDate attempts { number date durationMs statusCode error responseBody url responseHeaders } }
    filters {
      eventFiltersId name matched failed { path present found wanted sentence } lastChange { version date actor operation sentence }
      lastMatch { event { id creationDate } examined since complete sentence }
    }
  }
}"""
DESTINATIONS: Final = """query Destinations($event: ID!, $first: Int, $after: String) {
  events(filters: {id: {exact: $event}}) {
    collectionItems {
      destinations(first: $first, after: $after) {
        collectionItems { endpoint { id name type status } outcome sentence } endCursor hasNextPage
      }
    }
  }
}"""

_JOB: Final = "id kind status started changed actor dryRun count skipped progress estimatedTotal arguments reason"
DELIVERIES: Final = f"""query Deliveries($filters: DeliveryFilters, $pagination: PaginationInput, $first: Int, $after: String) {{
  deliveries(filters: $filters, pagination: $pagination, first: $first, after: $after) {{
    collectionItems {{ id eventId endpointId status nextAttemptDate creationDate lastModified attempts {{ {_ATTEMPT} }} }}
    {_PAGE}
  }}
}}"""
RETRY_DELIVERIES: Final = "mutation RetryDeliveries($ids: [ID!]!) { retryDeliveries(ids: $ids) { ok } }"
RETRY_BY_FILTERS: Final = """mutation RetryByFilters($filters: DeliveryFilters!, $after: String, $dryRun: Boolean, $unmatchedToo: Boolean) {
  retryDeliveries(filters: $filters, after: $after, dryRun: $dryRun, unmatchedToo: $unmatchedToo) { count skipped endCursor }
}"""
RETRY_AS_JOB: Final = f"""mutation RetryAsJob($filters: DeliveryFilters!, $dryRun: Boolean, $unmatchedToo: Boolean) {{
  retryDeliveries(filters: $filters, dryRun: $dryRun, unmatchedToo: $unmatchedToo, background: true) {{ count skipped job {{ {_JOB} }} }}
}}"""
CANCEL_DELIVERIES: Final = "mutation CancelDeliveries($ids: [ID!]!) { cancelDeliveries(ids: $ids) { count } }"
CANCEL_BY_FILTERS: Final = """mutation CancelByFilters($filters: DeliveryFilters!, $after: String, $dryRun: Boolean) {
  cancelDeliveries(filters: $filters, after: $after, dryRun: $dryRun) { count endCursor }
}"""
REPLAY: Final = """mutation Replay($endpoint: ID!, $since: DateTime!, $until: DateTime, $missingOnly: Boolean, $dryRun: Boolean) {
  replayEvents(endpointId: $endpoint, since: $since, until: $until, missingOnly: $missingOnly, dryRun: $dryRun) { ok count continueSince }
}"""
REPLAY_AS_JOB: Final = f"""mutation ReplayAsJob(
  $endpoint: ID!, $since: DateTime!, $until: DateTime, $missingOnly: Boolean, $dryRun: Boolean
) {{
  replayEvents(endpointId: $endpoint, since: $since, until: $until, missingOnly: $missingOnly, dryRun: $dryRun, background: true) {{
    count job {{ {_JOB} }}
  }}
}}"""
CANCEL_AS_JOB: Final = f"""mutation CancelAsJob($filters: DeliveryFilters!, $dryRun: Boolean) {{
  cancelDeliveries(filters: $filters, dryRun: $dryRun, background: true) {{ count job {{ {_JOB} }} }}
}}"""
JOB: Final = f"query Job($id: ID!) {{ job(id: $id) {{ {_JOB} }} }}"
JOBS: Final = f"""query Jobs($first: Int, $after: String) {{
  jobs(first: $first, after: $after) {{ collectionItems {{ {_JOB} }} {_PAGE} }}
}}"""
CANCEL_JOB: Final = f"mutation CancelJob($id: ID!) {{ cancelJob(id: $id) {{ {_JOB} }} }}"
CONNECTIONS: Final = """query Connections($filters: EndpointFilters, $first: Int, $after: String) {
  endpoints(filters: $filters) {
    collectionItems {
      connections(first: $first, after: $after) {
        collectionItems { id connectionDate sequence behind lastPostDate tokenName batched ownLane failingSince }
        endCursor hasNextPage
      }
    }
  }
}"""
CLOSE_CONNECTIONS: Final = "mutation CloseConnections($ids: [ID!]!) { closeConnections(ids: $ids) { count } }"
