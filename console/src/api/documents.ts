// Written by local/console_documents.py from the .graphql files beside it and docs/schema.graphql. Do not edit.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** An operation with the types of its answer and of its variables. */
export interface Operation<Answer, Variables> {
  readonly name: string;
  readonly kind: "query" | "mutation";
  readonly text: string;
  /** Never there: it carries the types. */
  readonly types?: { answer: Answer; variables: Variables };
}

export interface DeliveryFilters {
  id?: IdLookup | null;
  eventId?: IdLookup | null;
  endpointId?: IdLookup | null;
  status?: DeliveryStatusLookup | null;
  statusCode?: StatusCodeLookup | null;
  eventType?: EventTypeLookup | null;
  creationDate?: DateLookup | null;
}

export type DeliveryOutcome = "DELIVERED" | "WAITING" | "FAILED" | "DISCARDED" | "NOT_MATCHED" | "NOT_ROUTED_YET" | "LOGGED";

export type DeliveryStatus = "PENDING" | "DELIVERED" | "FAILED" | "DISCARDED";

export interface EndpointFilters {
  id?: IdLookup | null;
  type?: EndpointTypeLookup | null;
  name?: TextLookup | null;
  status?: EndpointStatusLookup | null;
  key?: KeyLookup | null;
  labels?: Json | null;
  eventFiltersId?: IdLookup | null;
}

export type EndpointStatus = "ENABLED" | "PAUSED" | "DISABLED";

export type EndpointType = "WEB_SOCKET" | "WEB_HOOK";

export interface EventFilters {
  id?: IdLookup | null;
  type?: EventTypeLookup | null;
  date?: DateLookup | null;
  dataIdentificationDataProfileId?: IdLookup | null;
  activityId?: IdLookup | null;
  agentId?: IdLookup | null;
  cameraId?: IdLookup | null;
  pattern?: Json | null;
}

export interface EventFiltersFilters {
  id?: IdLookup | null;
  name?: TextLookup | null;
  key?: KeyLookup | null;
  labels?: Json | null;
  endpointId?: IdLookup | null;
  linked?: boolean | null;
}

export interface EventFiltersInput {
  in?: ConditionFields | null;
  pattern?: Json | null;
}

export interface EventInput {
  id?: string | null;
  type: string;
  date?: string | null;
  data: Json;
  agentId?: string | null;
  cameraId?: string | null;
}

export type JobKind = "REPLAY_EVENTS" | "RETRY_DELIVERIES" | "CANCEL_DELIVERIES";

export type JobStatus = "RUNNING" | "DONE" | "CANCELLED" | "FAILED";

export interface MatchEventsInput {
  eventFiltersInput?: EventFiltersInput | null;
  eventFiltersId?: string | null;
  endpointId?: string | null;
  keepOthers?: boolean | null;
  replacesId?: string | null;
  since?: string | null;
  until?: string | null;
  eventIds?: string[] | null;
  events?: EventInput[] | null;
  after?: string | null;
}

export type ReceiverTrouble = "SLOW" | "LIMITED" | "FAILING";

export type StatisticsStep = "MINUTE" | "HOUR" | "DAY";

export interface ConditionFields {
  cameraIds?: string[] | null;
  agentIds?: string[] | null;
  profileGroupIds?: string[] | null;
  eventTypes?: string[] | null;
}

export interface DateLookup {
  exact?: string | null;
  gt?: string | null;
  gte?: string | null;
  lt?: string | null;
  lte?: string | null;
}

export interface DeliveryStatusLookup {
  exact?: DeliveryStatus | null;
  in?: DeliveryStatus[] | null;
}

export interface EndpointStatusLookup {
  exact?: EndpointStatus | null;
}

export interface EndpointTypeLookup {
  exact?: EndpointType | null;
}

export interface EventTypeLookup {
  exact?: string | null;
  in?: string[] | null;
  startsWith?: string | null;
}

export interface IdLookup {
  exact?: string | null;
}

export interface KeyLookup {
  exact?: string | null;
}

export interface StatusCodeLookup {
  exact?: number | null;
}

export interface TextLookup {
  contains?: string | null;
}

export type Endpoint = {
  id: string;
  name: string;
  type: EndpointType;
  meta: Json;
  status: EndpointStatus;
  statusReason: string | null;
  key: string | null;
  description: string | null;
  labels: Json;
  creationDate: string;
  lastModified: string;
  eventFilters: {
    id: string;
    name: string;
    meta: Json;
  }[];
};

export type EventFilter = {
  id: string;
  name: string;
  meta: Json;
  key: string | null;
  description: string | null;
  labels: Json;
  creationDate: string;
  lastModified: string;
  endpoints: {
    id: string;
    name: string;
    type: EndpointType;
    status: EndpointStatus;
  }[];
};

export type Event = {
  id: string;
  type: string;
  date: string;
  data: Json;
  agentId: string | null;
  cameraId: string | null;
  workspaceId: string;
  creationDate: string;
  lastModified: string;
};

export type Attempt = {
  number: number;
  date: string;
  durationMs: number;
  statusCode: number | null;
  error: string | null;
  url: string | null;
  responseHeaders: Json | null;
  responseBody: string | null;
};

export type Delivery = {
  id: string;
  eventId: string;
  endpointId: string;
  endpoint: {
    id: string;
    name: string;
  } | null;
  status: DeliveryStatus;
  attempts: Attempt[];
  nextAttemptDate: string | null;
  creationDate: string;
  lastModified: string;
};

export type Off = {
  id: string;
  name: string;
  status: EndpointStatus;
  statusReason: string | null;
};

export type OpenConnection = {
  id: string;
  connectionDate: string;
  sequence: number;
  behind: number;
  tokenName: string | null;
  batched: boolean;
  failingSince: string | null;
};

export type Clause = {
  path: string;
  present: boolean;
  found: Json | null;
  wanted: Json;
  sentence: string;
};

export type Change = {
  version: number;
  date: string;
  actor: string | null;
  actorId: string | null;
  operation: string;
  sentence: string;
  before: Json | null;
  after: Json | null;
};

export type Explanation = {
  endpoint: {
    id: string;
    name: string;
    type: EndpointType;
    status: EndpointStatus;
  };
  outcome: DeliveryOutcome;
  sentence: string;
  sequence: number | null;
  asRouted: boolean;
  configurationVersion: number | null;
  delivery: Delivery | null;
  filters: ({
    eventFiltersId: string;
    name: string;
    matched: boolean;
    failed: Clause[];
    lastChange: {
      version: number;
      date: string;
      actor: string | null;
      sentence: string;
    } | null;
  })[];
};

export type Job = {
  id: string;
  kind: JobKind;
  status: JobStatus;
  started: string;
  changed: string;
  actor: string;
  dryRun: boolean;
  count: number;
  skipped: number;
  progress: number | null;
  estimatedTotal: number | null;
  arguments: Json;
  reason: string | null;
};

export type Health = {
  failingSince: string | null;
  disableDate: string | null;
  trouble: ReceiverTrouble | null;
  limitedTo: number | null;
  notBefore: string | null;
};

export type Seen = {
  id: string;
  endpointId: string;
  endpoint: {
    name: string;
    health: Health;
  } | null;
  status: DeliveryStatus;
  creationDate: string;
  attempts: ({
    durationMs: number;
    statusCode: number | null;
  })[];
};

export type SignInAnswer = {
  token: {
    id: string;
    name: string;
    workspaceId: string;
    creationDate: string;
    expiryDate: string | null;
  };
};
export type SignInVariables = Record<string, never>;
export const SignIn: Operation<SignInAnswer, SignInVariables> = {
  name: "SignIn",
  kind: "query",
  text: "query SignIn {\n  token {\n    id\n    name\n    workspaceId\n    creationDate\n    expiryDate\n  }\n}",
};

export type EndpointsAnswer = {
  endpoints: {
    collectionItems: Endpoint[];
    endCursor: string | null;
    hasNextPage: boolean;
  };
};
export type EndpointsVariables = {
  filters?: EndpointFilters | null;
  first?: number | null;
  after?: string | null;
};
export const Endpoints: Operation<EndpointsAnswer, EndpointsVariables> = {
  name: "Endpoints",
  kind: "query",
  text: "query Endpoints($filters: EndpointFilters, $first: Int = 50, $after: String) {\n  endpoints(\n    filters: $filters\n    order: { creationDate: DESC }\n    first: $first\n    after: $after\n  ) {\n    collectionItems {\n      ...Endpoint\n    }\n    endCursor\n    hasNextPage\n  }\n}\n\nfragment Endpoint on EndpointOutput {\n  id\n  name\n  type\n  meta\n  status\n  statusReason\n  key\n  description\n  labels\n  creationDate\n  lastModified\n  eventFilters {\n    id\n    name\n    meta\n  }\n}",
};

export type EndpointNamesAnswer = {
  endpoints: {
    collectionItems: {
      id: string;
      name: string;
      type: EndpointType;
      status: EndpointStatus;
    }[];
    endCursor: string | null;
    hasNextPage: boolean;
  };
};
export type EndpointNamesVariables = {
  after?: string | null;
};
export const EndpointNames: Operation<EndpointNamesAnswer, EndpointNamesVariables> = {
  name: "EndpointNames",
  kind: "query",
  text: "query EndpointNames($after: String) {\n  endpoints(first: 1000, after: $after) {\n    collectionItems {\n      id\n      name\n      type\n      status\n    }\n    endCursor\n    hasNextPage\n  }\n}",
};

export type FilterNamesAnswer = {
  eventsFilters: {
    collectionItems: {
      id: string;
      name: string;
    }[];
    endCursor: string | null;
    hasNextPage: boolean;
  };
};
export type FilterNamesVariables = {
  after?: string | null;
};
export const FilterNames: Operation<FilterNamesAnswer, FilterNamesVariables> = {
  name: "FilterNames",
  kind: "query",
  text: "query FilterNames($after: String) {\n  eventsFilters(first: 1000, after: $after) {\n    collectionItems {\n      id\n      name\n    }\n    endCursor\n    hasNextPage\n  }\n}",
};

export type OneEndpointAnswer = {
  endpoint: Endpoint & {
    health: Health & {
      lastFailureDate: string | null;
      waiting: number;
      lastHour: {
        attempts: number;
        successRate: number | null;
        lastSuccessDate: string | null;
        p50Ms: number | null;
        p95Ms: number | null;
        complete: boolean;
      };
    };
  } | null;
};
export type OneEndpointVariables = {
  id: string;
};
export const OneEndpoint: Operation<OneEndpointAnswer, OneEndpointVariables> = {
  name: "OneEndpoint",
  kind: "query",
  text: "query OneEndpoint($id: ID!) {\n  endpoint(id: $id) {\n    ...Endpoint\n    health {\n      ...Health\n      lastFailureDate\n      waiting\n      lastHour {\n        attempts\n        successRate\n        lastSuccessDate\n        p50Ms\n        p95Ms\n        complete\n      }\n    }\n  }\n}\n\nfragment Endpoint on EndpointOutput {\n  id\n  name\n  type\n  meta\n  status\n  statusReason\n  key\n  description\n  labels\n  creationDate\n  lastModified\n  eventFilters {\n    id\n    name\n    meta\n  }\n}\n\nfragment Health on HealthOutput {\n  failingSince\n  disableDate\n  trouble\n  limitedTo\n  notBefore\n}",
};

export type OpenConnectionsAnswer = {
  endpoint: {
    connections: {
      collectionItems: OpenConnection[];
      endCursor: string | null;
      hasNextPage: boolean;
    };
  } | null;
};
export type OpenConnectionsVariables = {
  id: string;
  first?: number | null;
  after?: string | null;
};
export const OpenConnections: Operation<OpenConnectionsAnswer, OpenConnectionsVariables> = {
  name: "OpenConnections",
  kind: "query",
  text: "query OpenConnections($id: ID!, $first: Int = 50, $after: String) {\n  endpoint(id: $id) {\n    connections(first: $first, after: $after) {\n      collectionItems {\n        ...OpenConnection\n      }\n      endCursor\n      hasNextPage\n    }\n  }\n}\n\nfragment OpenConnection on OpenConnectionOutput {\n  id\n  connectionDate\n  sequence\n  behind\n  tokenName\n  batched\n  failingSince\n}",
};

export type CloseConnectionsAnswer = {
  closeConnections: {
    ok: boolean;
    count: number | null;
  } | null;
};
export type CloseConnectionsVariables = {
  ids: string[];
};
export const CloseConnections: Operation<CloseConnectionsAnswer, CloseConnectionsVariables> = {
  name: "CloseConnections",
  kind: "mutation",
  text: "mutation CloseConnections($ids: [ID!]!) {\n  closeConnections(ids: $ids) {\n    ok\n    count\n  }\n}",
};

export type EndpointSecretAnswer = {
  endpointSecret: string;
};
export type EndpointSecretVariables = {
  id: string;
};
export const EndpointSecret: Operation<EndpointSecretAnswer, EndpointSecretVariables> = {
  name: "EndpointSecret",
  kind: "query",
  text: "query EndpointSecret($id: ID!) {\n  endpointSecret(id: $id)\n}",
};

export type EventFiltersAnswer = {
  eventsFilters: {
    collectionItems: EventFilter[];
    endCursor: string | null;
    hasNextPage: boolean;
  };
};
export type EventFiltersVariables = {
  filters?: EventFiltersFilters | null;
  first?: number | null;
  after?: string | null;
};
export const EventFilters: Operation<EventFiltersAnswer, EventFiltersVariables> = {
  name: "EventFilters",
  kind: "query",
  text: "query EventFilters($filters: EventFiltersFilters, $first: Int = 50, $after: String) {\n  eventsFilters(\n    filters: $filters\n    order: { lastModified: DESC }\n    first: $first\n    after: $after\n  ) {\n    collectionItems {\n      ...EventFilter\n    }\n    endCursor\n    hasNextPage\n  }\n}\n\nfragment EventFilter on EventFiltersOutput {\n  id\n  name\n  meta\n  key\n  description\n  labels\n  creationDate\n  lastModified\n  endpoints {\n    id\n    name\n    type\n    status\n  }\n}",
};

export type OneEventFilterAnswer = {
  eventFilter: EventFilter | null;
};
export type OneEventFilterVariables = {
  id: string;
};
export const OneEventFilter: Operation<OneEventFilterAnswer, OneEventFilterVariables> = {
  name: "OneEventFilter",
  kind: "query",
  text: "query OneEventFilter($id: ID!) {\n  eventFilter(id: $id) {\n    ...EventFilter\n  }\n}\n\nfragment EventFilter on EventFiltersOutput {\n  id\n  name\n  meta\n  key\n  description\n  labels\n  creationDate\n  lastModified\n  endpoints {\n    id\n    name\n    type\n    status\n  }\n}",
};

export type EventsAnswer = {
  events: {
    collectionItems: Event[];
    endCursor: string | null;
    hasNextPage: boolean;
  };
};
export type EventsVariables = {
  filters?: EventFilters | null;
  first?: number | null;
  after?: string | null;
};
export const Events: Operation<EventsAnswer, EventsVariables> = {
  name: "Events",
  kind: "query",
  text: "query Events($filters: EventFilters, $first: Int = 50, $after: String) {\n  events(filters: $filters, first: $first, after: $after) {\n    collectionItems {\n      ...Event\n    }\n    endCursor\n    hasNextPage\n  }\n}\n\nfragment Event on EventOutput {\n  id\n  type\n  date\n  data\n  agentId\n  cameraId\n  workspaceId\n  creationDate\n  lastModified\n}",
};

export type OneEventAnswer = {
  event: Event | null;
};
export type OneEventVariables = {
  id: string;
};
export const OneEvent: Operation<OneEventAnswer, OneEventVariables> = {
  name: "OneEvent",
  kind: "query",
  text: "query OneEvent($id: ID!) {\n  event(id: $id) {\n    ...Event\n  }\n}\n\nfragment Event on EventOutput {\n  id\n  type\n  date\n  data\n  agentId\n  cameraId\n  workspaceId\n  creationDate\n  lastModified\n}",
};

export type DestinationsAnswer = {
  event: Event & {
    destinations: {
      collectionItems: Explanation[];
      endCursor: string | null;
      hasNextPage: boolean;
    };
  } | null;
};
export type DestinationsVariables = {
  id: string;
  after?: string | null;
};
export const Destinations: Operation<DestinationsAnswer, DestinationsVariables> = {
  name: "Destinations",
  kind: "query",
  text: "query Destinations($id: ID!, $after: String) {\n  event(id: $id) {\n    ...Event\n    destinations(first: 50, after: $after) {\n      collectionItems {\n        ...Explanation\n      }\n      endCursor\n      hasNextPage\n    }\n  }\n}\n\nfragment Event on EventOutput {\n  id\n  type\n  date\n  data\n  agentId\n  cameraId\n  workspaceId\n  creationDate\n  lastModified\n}\n\nfragment Explanation on DeliveryExplanation {\n  endpoint {\n    id\n    name\n    type\n    status\n  }\n  outcome\n  sentence\n  sequence\n  asRouted\n  configurationVersion\n  delivery {\n    ...Delivery\n  }\n  filters {\n    eventFiltersId\n    name\n    matched\n    failed {\n      ...Clause\n    }\n    lastChange {\n      version\n      date\n      actor\n      sentence\n    }\n  }\n}\n\nfragment Delivery on DeliveryOutput {\n  id\n  eventId\n  endpointId\n  endpoint {\n    id\n    name\n  }\n  status\n  attempts {\n    ...Attempt\n  }\n  nextAttemptDate\n  creationDate\n  lastModified\n}\n\nfragment Attempt on AttemptOutput {\n  number\n  date\n  durationMs\n  statusCode\n  error\n  url\n  responseHeaders\n  responseBody\n}\n\nfragment Clause on FailedClause {\n  path\n  present\n  found\n  wanted\n  sentence\n}",
};

export type ChangesAnswer = {
  changes: {
    collectionItems: Change[];
    endCursor: string | null;
    hasNextPage: boolean;
  };
};
export type ChangesVariables = {
  after?: string | null;
};
export const Changes: Operation<ChangesAnswer, ChangesVariables> = {
  name: "Changes",
  kind: "query",
  text: "query Changes($after: String) {\n  changes(first: 100, after: $after) {\n    collectionItems {\n      ...Change\n    }\n    endCursor\n    hasNextPage\n  }\n}\n\nfragment Change on Change {\n  version\n  date\n  actor\n  actorId\n  operation\n  sentence\n  before\n  after\n}",
};

export type MatchEventsAnswer = {
  matchEvents: {
    examined: number;
    matched: number;
    complete: boolean;
    endCursor: string | null;
    histogram: {
      start: string;
      examined: number;
      matched: number;
    }[];
    matches: {
      id: string;
      type: string;
      date: string;
    }[];
    nearMisses: {
      event: {
        id: string;
        type: string;
        date: string;
      };
      clause: Clause;
    }[];
  };
};
export type MatchEventsVariables = {
  input: MatchEventsInput;
};
export const MatchEvents: Operation<MatchEventsAnswer, MatchEventsVariables> = {
  name: "MatchEvents",
  kind: "query",
  text: "query MatchEvents($input: MatchEventsInput!) {\n  matchEvents(input: $input) {\n    examined\n    matched\n    complete\n    endCursor\n    histogram {\n      start\n      examined\n      matched\n    }\n    matches {\n      id\n      type\n      date\n    }\n    nearMisses {\n      event {\n        id\n        type\n        date\n      }\n      clause {\n        ...Clause\n      }\n    }\n  }\n}\n\nfragment Clause on FailedClause {\n  path\n  present\n  found\n  wanted\n  sentence\n}",
};

export type CompareEndpointAnswer = {
  matchEvents: {
    examined: number;
    complete: boolean;
    endCursor: string | null;
    gained: number | null;
    lost: number | null;
  };
};
export type CompareEndpointVariables = {
  input: MatchEventsInput;
};
export const CompareEndpoint: Operation<CompareEndpointAnswer, CompareEndpointVariables> = {
  name: "CompareEndpoint",
  kind: "query",
  text: "query CompareEndpoint($input: MatchEventsInput!) {\n  matchEvents(input: $input) {\n    examined\n    complete\n    endCursor\n    gained\n    lost\n  }\n}",
};

export type DeliveriesAnswer = {
  deliveries: {
    collectionItems: Delivery[];
    endCursor: string | null;
    hasNextPage: boolean;
  };
};
export type DeliveriesVariables = {
  filters?: DeliveryFilters | null;
  first?: number | null;
  after?: string | null;
};
export const Deliveries: Operation<DeliveriesAnswer, DeliveriesVariables> = {
  name: "Deliveries",
  kind: "query",
  text: "query Deliveries($filters: DeliveryFilters, $first: Int = 50, $after: String) {\n  deliveries(filters: $filters, first: $first, after: $after) {\n    collectionItems {\n      ...Delivery\n    }\n    endCursor\n    hasNextPage\n  }\n}\n\nfragment Delivery on DeliveryOutput {\n  id\n  eventId\n  endpointId\n  endpoint {\n    id\n    name\n  }\n  status\n  attempts {\n    ...Attempt\n  }\n  nextAttemptDate\n  creationDate\n  lastModified\n}\n\nfragment Attempt on AttemptOutput {\n  number\n  date\n  durationMs\n  statusCode\n  error\n  url\n  responseHeaders\n  responseBody\n}",
};

export type OneDeliveryAnswer = {
  delivery: Delivery & {
    event: Event | null;
  } | null;
};
export type OneDeliveryVariables = {
  id: string;
};
export const OneDelivery: Operation<OneDeliveryAnswer, OneDeliveryVariables> = {
  name: "OneDelivery",
  kind: "query",
  text: "query OneDelivery($id: ID!) {\n  delivery(id: $id) {\n    ...Delivery\n    event {\n      ...Event\n    }\n  }\n}\n\nfragment Delivery on DeliveryOutput {\n  id\n  eventId\n  endpointId\n  endpoint {\n    id\n    name\n  }\n  status\n  attempts {\n    ...Attempt\n  }\n  nextAttemptDate\n  creationDate\n  lastModified\n}\n\nfragment Attempt on AttemptOutput {\n  number\n  date\n  durationMs\n  statusCode\n  error\n  url\n  responseHeaders\n  responseBody\n}\n\nfragment Event on EventOutput {\n  id\n  type\n  date\n  data\n  agentId\n  cameraId\n  workspaceId\n  creationDate\n  lastModified\n}",
};

export type CreateWebhookEndpointAnswer = {
  createWebhookEndpoint: Endpoint | null;
};
export type CreateWebhookEndpointVariables = {
  name: string;
  url: string;
  method?: string | null;
  eventFiltersIds?: string[] | null;
  description?: string | null;
  idempotencyKey?: string | null;
};
export const CreateWebhookEndpoint: Operation<CreateWebhookEndpointAnswer, CreateWebhookEndpointVariables> = {
  name: "CreateWebhookEndpoint",
  kind: "mutation",
  text: "mutation CreateWebhookEndpoint($name: String!, $url: String!, $method: String, $eventFiltersIds: [ID!], $description: String, $idempotencyKey: String) {\n  createWebhookEndpoint(\n    name: $name\n    url: $url\n    method: $method\n    eventFiltersIds: $eventFiltersIds\n    description: $description\n    idempotencyKey: $idempotencyKey\n  ) {\n    ...Endpoint\n  }\n}\n\nfragment Endpoint on EndpointOutput {\n  id\n  name\n  type\n  meta\n  status\n  statusReason\n  key\n  description\n  labels\n  creationDate\n  lastModified\n  eventFilters {\n    id\n    name\n    meta\n  }\n}",
};

export type CreateWebSocketEndpointAnswer = {
  createWebSocketEndpoint: Endpoint | null;
};
export type CreateWebSocketEndpointVariables = {
  name: string;
  eventFiltersIds?: string[] | null;
  description?: string | null;
  labels?: Json | null;
  idempotencyKey?: string | null;
};
export const CreateWebSocketEndpoint: Operation<CreateWebSocketEndpointAnswer, CreateWebSocketEndpointVariables> = {
  name: "CreateWebSocketEndpoint",
  kind: "mutation",
  text: "mutation CreateWebSocketEndpoint($name: String!, $eventFiltersIds: [ID!], $description: String, $labels: JSON, $idempotencyKey: String) {\n  createWebSocketEndpoint(\n    name: $name\n    eventFiltersIds: $eventFiltersIds\n    description: $description\n    labels: $labels\n    idempotencyKey: $idempotencyKey\n  ) {\n    ...Endpoint\n  }\n}\n\nfragment Endpoint on EndpointOutput {\n  id\n  name\n  type\n  meta\n  status\n  statusReason\n  key\n  description\n  labels\n  creationDate\n  lastModified\n  eventFilters {\n    id\n    name\n    meta\n  }\n}",
};

export type UpdateEndpointAnswer = {
  updateEndpoint: Endpoint | null;
};
export type UpdateEndpointVariables = {
  id: string;
  name?: string | null;
  url?: string | null;
  method?: string | null;
  key?: string | null;
  description?: string | null;
  labels?: Json | null;
};
export const UpdateEndpoint: Operation<UpdateEndpointAnswer, UpdateEndpointVariables> = {
  name: "UpdateEndpoint",
  kind: "mutation",
  text: "mutation UpdateEndpoint($id: ID!, $name: String, $url: String, $method: String, $key: String, $description: String, $labels: JSON) {\n  updateEndpoint(\n    id: $id\n    name: $name\n    url: $url\n    method: $method\n    key: $key\n    description: $description\n    labels: $labels\n  ) {\n    ...Endpoint\n  }\n}\n\nfragment Endpoint on EndpointOutput {\n  id\n  name\n  type\n  meta\n  status\n  statusReason\n  key\n  description\n  labels\n  creationDate\n  lastModified\n  eventFilters {\n    id\n    name\n    meta\n  }\n}",
};

export type DeleteEndpointsAnswer = {
  deleteEndpoints: {
    ok: boolean;
  } | null;
};
export type DeleteEndpointsVariables = {
  ids: string[];
};
export const DeleteEndpoints: Operation<DeleteEndpointsAnswer, DeleteEndpointsVariables> = {
  name: "DeleteEndpoints",
  kind: "mutation",
  text: "mutation DeleteEndpoints($ids: [ID!]!) {\n  deleteEndpoints(ids: $ids) {\n    ok\n  }\n}",
};

export type PauseEndpointsAnswer = {
  pauseEndpoints: {
    ok: boolean;
  } | null;
};
export type PauseEndpointsVariables = {
  ids: string[];
};
export const PauseEndpoints: Operation<PauseEndpointsAnswer, PauseEndpointsVariables> = {
  name: "PauseEndpoints",
  kind: "mutation",
  text: "mutation PauseEndpoints($ids: [ID!]!) {\n  pauseEndpoints(ids: $ids) {\n    ok\n  }\n}",
};

export type ResumeEndpointsAnswer = {
  resumeEndpoints: {
    ok: boolean;
  } | null;
};
export type ResumeEndpointsVariables = {
  ids: string[];
  discardWaiting?: boolean | null;
};
export const ResumeEndpoints: Operation<ResumeEndpointsAnswer, ResumeEndpointsVariables> = {
  name: "ResumeEndpoints",
  kind: "mutation",
  text: "mutation ResumeEndpoints($ids: [ID!]!, $discardWaiting: Boolean) {\n  resumeEndpoints(ids: $ids, discardWaiting: $discardWaiting) {\n    ok\n  }\n}",
};

export type RotateEndpointSecretAnswer = {
  rotateEndpointSecret: string | null;
};
export type RotateEndpointSecretVariables = {
  id: string;
  gracePeriodSeconds?: number | null;
};
export const RotateEndpointSecret: Operation<RotateEndpointSecretAnswer, RotateEndpointSecretVariables> = {
  name: "RotateEndpointSecret",
  kind: "mutation",
  text: "mutation RotateEndpointSecret($id: ID!, $gracePeriodSeconds: Int) {\n  rotateEndpointSecret(id: $id, gracePeriodSeconds: $gracePeriodSeconds)\n}",
};

export type TestEndpointAnswer = {
  testEndpoint: Attempt | null;
};
export type TestEndpointVariables = {
  id: string;
};
export const TestEndpoint: Operation<TestEndpointAnswer, TestEndpointVariables> = {
  name: "TestEndpoint",
  kind: "mutation",
  text: "mutation TestEndpoint($id: ID!) {\n  testEndpoint(id: $id) {\n    ...Attempt\n  }\n}\n\nfragment Attempt on AttemptOutput {\n  number\n  date\n  durationMs\n  statusCode\n  error\n  url\n  responseHeaders\n  responseBody\n}",
};

export type CreateEventFiltersAnswer = {
  createEventFilters: EventFilter | null;
};
export type CreateEventFiltersVariables = {
  name?: string | null;
  eventFiltersInput: EventFiltersInput;
  endpointIds?: string[] | null;
  idempotencyKey?: string | null;
  key?: string | null;
  description?: string | null;
  labels?: Json | null;
};
export const CreateEventFilters: Operation<CreateEventFiltersAnswer, CreateEventFiltersVariables> = {
  name: "CreateEventFilters",
  kind: "mutation",
  text: "mutation CreateEventFilters($name: String, $eventFiltersInput: EventFiltersInput!, $endpointIds: [ID!], $idempotencyKey: String, $key: String, $description: String, $labels: JSON) {\n  createEventFilters(\n    name: $name\n    eventFiltersInput: $eventFiltersInput\n    endpointIds: $endpointIds\n    idempotencyKey: $idempotencyKey\n    key: $key\n    description: $description\n    labels: $labels\n  ) {\n    ...EventFilter\n  }\n}\n\nfragment EventFilter on EventFiltersOutput {\n  id\n  name\n  meta\n  key\n  description\n  labels\n  creationDate\n  lastModified\n  endpoints {\n    id\n    name\n    type\n    status\n  }\n}",
};

export type UpdateEventFiltersAnswer = {
  updateEventFilters: EventFilter | null;
};
export type UpdateEventFiltersVariables = {
  id: string;
  name?: string | null;
  eventFiltersInput?: EventFiltersInput | null;
};
export const UpdateEventFilters: Operation<UpdateEventFiltersAnswer, UpdateEventFiltersVariables> = {
  name: "UpdateEventFilters",
  kind: "mutation",
  text: "mutation UpdateEventFilters($id: ID!, $name: String, $eventFiltersInput: EventFiltersInput) {\n  updateEventFilters(id: $id, name: $name, eventFiltersInput: $eventFiltersInput) {\n    ...EventFilter\n  }\n}\n\nfragment EventFilter on EventFiltersOutput {\n  id\n  name\n  meta\n  key\n  description\n  labels\n  creationDate\n  lastModified\n  endpoints {\n    id\n    name\n    type\n    status\n  }\n}",
};

export type DeleteEventFiltersAnswer = {
  deleteEventFilters: {
    ok: boolean;
  } | null;
};
export type DeleteEventFiltersVariables = {
  ids: string[];
};
export const DeleteEventFilters: Operation<DeleteEventFiltersAnswer, DeleteEventFiltersVariables> = {
  name: "DeleteEventFilters",
  kind: "mutation",
  text: "mutation DeleteEventFilters($ids: [ID!]!) {\n  deleteEventFilters(ids: $ids) {\n    ok\n  }\n}",
};

export type LinkEndpointsAnswer = {
  linkEndpointsToEventFilters: {
    ok: boolean;
  } | null;
};
export type LinkEndpointsVariables = {
  endpointIds: string[];
  eventFiltersId: string;
};
export const LinkEndpoints: Operation<LinkEndpointsAnswer, LinkEndpointsVariables> = {
  name: "LinkEndpoints",
  kind: "mutation",
  text: "mutation LinkEndpoints($endpointIds: [ID!]!, $eventFiltersId: ID!) {\n  linkEndpointsToEventFilters(\n    endpointIds: $endpointIds\n    eventFiltersId: $eventFiltersId\n  ) {\n    ok\n  }\n}",
};

export type UnlinkEndpointsAnswer = {
  unlinkEndpointsToEventFilters: {
    ok: boolean;
  } | null;
};
export type UnlinkEndpointsVariables = {
  endpointIds: string[];
  eventFiltersId: string;
};
export const UnlinkEndpoints: Operation<UnlinkEndpointsAnswer, UnlinkEndpointsVariables> = {
  name: "UnlinkEndpoints",
  kind: "mutation",
  text: "mutation UnlinkEndpoints($endpointIds: [ID!]!, $eventFiltersId: ID!) {\n  unlinkEndpointsToEventFilters(\n    endpointIds: $endpointIds\n    eventFiltersId: $eventFiltersId\n  ) {\n    ok\n  }\n}",
};

export type PublishEventsAnswer = {
  publishEvents: {
    ok: boolean;
    ids: string[];
    duplicateIds: string[];
  } | null;
};
export type PublishEventsVariables = {
  events: EventInput[];
};
export const PublishEvents: Operation<PublishEventsAnswer, PublishEventsVariables> = {
  name: "PublishEvents",
  kind: "mutation",
  text: "mutation PublishEvents($events: [EventInput!]!) {\n  publishEvents(events: $events) {\n    ok\n    ids\n    duplicateIds\n  }\n}",
};

export type RetryDeliveriesAnswer = {
  retryDeliveries: {
    ok: boolean;
  } | null;
};
export type RetryDeliveriesVariables = {
  ids?: string[] | null;
};
export const RetryDeliveries: Operation<RetryDeliveriesAnswer, RetryDeliveriesVariables> = {
  name: "RetryDeliveries",
  kind: "mutation",
  text: "mutation RetryDeliveries($ids: [ID!]) {\n  retryDeliveries(ids: $ids) {\n    ok\n  }\n}",
};

export type RetryAllDeliveriesAnswer = {
  retryDeliveries: {
    ok: boolean;
    count: number | null;
    skipped: number | null;
    endCursor: string | null;
    job: Job | null;
  } | null;
};
export type RetryAllDeliveriesVariables = {
  filters: DeliveryFilters;
  after?: string | null;
  dryRun?: boolean | null;
  unmatchedToo?: boolean | null;
  background?: boolean | null;
};
export const RetryAllDeliveries: Operation<RetryAllDeliveriesAnswer, RetryAllDeliveriesVariables> = {
  name: "RetryAllDeliveries",
  kind: "mutation",
  text: "mutation RetryAllDeliveries($filters: DeliveryFilters!, $after: String, $dryRun: Boolean, $unmatchedToo: Boolean, $background: Boolean) {\n  retryDeliveries(\n    filters: $filters\n    after: $after\n    dryRun: $dryRun\n    unmatchedToo: $unmatchedToo\n    background: $background\n  ) {\n    ok\n    count\n    skipped\n    endCursor\n    job {\n      ...Job\n    }\n  }\n}\n\nfragment Job on Job {\n  id\n  kind\n  status\n  started\n  changed\n  actor\n  dryRun\n  count\n  skipped\n  progress\n  estimatedTotal\n  arguments\n  reason\n}",
};

export type CancelAllDeliveriesAnswer = {
  cancelDeliveries: {
    ok: boolean;
    count: number | null;
    skipped: number | null;
    endCursor: string | null;
    job: Job | null;
  } | null;
};
export type CancelAllDeliveriesVariables = {
  filters: DeliveryFilters;
  after?: string | null;
  dryRun?: boolean | null;
  background?: boolean | null;
};
export const CancelAllDeliveries: Operation<CancelAllDeliveriesAnswer, CancelAllDeliveriesVariables> = {
  name: "CancelAllDeliveries",
  kind: "mutation",
  text: "mutation CancelAllDeliveries($filters: DeliveryFilters!, $after: String, $dryRun: Boolean, $background: Boolean) {\n  cancelDeliveries(\n    filters: $filters\n    after: $after\n    dryRun: $dryRun\n    background: $background\n  ) {\n    ok\n    count\n    skipped\n    endCursor\n    job {\n      ...Job\n    }\n  }\n}\n\nfragment Job on Job {\n  id\n  kind\n  status\n  started\n  changed\n  actor\n  dryRun\n  count\n  skipped\n  progress\n  estimatedTotal\n  arguments\n  reason\n}",
};

export type ReplayEventsAnswer = {
  replayEvents: {
    ok: boolean;
    count: number;
    continueSince: string | null;
    job: Job | null;
  } | null;
};
export type ReplayEventsVariables = {
  endpointId: string;
  since: string;
  until?: string | null;
  missingOnly?: boolean | null;
  dryRun?: boolean | null;
  background?: boolean | null;
};
export const ReplayEvents: Operation<ReplayEventsAnswer, ReplayEventsVariables> = {
  name: "ReplayEvents",
  kind: "mutation",
  text: "mutation ReplayEvents($endpointId: ID!, $since: DateTime!, $until: DateTime, $missingOnly: Boolean, $dryRun: Boolean, $background: Boolean) {\n  replayEvents(\n    endpointId: $endpointId\n    since: $since\n    until: $until\n    missingOnly: $missingOnly\n    dryRun: $dryRun\n    background: $background\n  ) {\n    ok\n    count\n    continueSince\n    job {\n      ...Job\n    }\n  }\n}\n\nfragment Job on Job {\n  id\n  kind\n  status\n  started\n  changed\n  actor\n  dryRun\n  count\n  skipped\n  progress\n  estimatedTotal\n  arguments\n  reason\n}",
};

export type OneJobAnswer = {
  job: Job | null;
};
export type OneJobVariables = {
  id: string;
};
export const OneJob: Operation<OneJobAnswer, OneJobVariables> = {
  name: "OneJob",
  kind: "query",
  text: "query OneJob($id: ID!) {\n  job(id: $id) {\n    ...Job\n  }\n}\n\nfragment Job on Job {\n  id\n  kind\n  status\n  started\n  changed\n  actor\n  dryRun\n  count\n  skipped\n  progress\n  estimatedTotal\n  arguments\n  reason\n}",
};

export type JobsAnswer = {
  jobs: {
    collectionItems: Job[];
    endCursor: string | null;
    hasNextPage: boolean;
  };
};
export type JobsVariables = {
  first?: number | null;
  after?: string | null;
};
export const Jobs: Operation<JobsAnswer, JobsVariables> = {
  name: "Jobs",
  kind: "query",
  text: "query Jobs($first: Int = 50, $after: String) {\n  jobs(first: $first, after: $after) {\n    collectionItems {\n      ...Job\n    }\n    endCursor\n    hasNextPage\n  }\n}\n\nfragment Job on Job {\n  id\n  kind\n  status\n  started\n  changed\n  actor\n  dryRun\n  count\n  skipped\n  progress\n  estimatedTotal\n  arguments\n  reason\n}",
};

export type CancelJobAnswer = {
  cancelJob: Job | null;
};
export type CancelJobVariables = {
  id: string;
};
export const CancelJob: Operation<CancelJobAnswer, CancelJobVariables> = {
  name: "CancelJob",
  kind: "mutation",
  text: "mutation CancelJob($id: ID!) {\n  cancelJob(id: $id) {\n    ...Job\n  }\n}\n\nfragment Job on Job {\n  id\n  kind\n  status\n  started\n  changed\n  actor\n  dryRun\n  count\n  skipped\n  progress\n  estimatedTotal\n  arguments\n  reason\n}",
};

export type EventTypesAnswer = {
  eventTypes: {
    collectionItems: {
      type: string;
    }[];
  };
};
export type EventTypesVariables = Record<string, never>;
export const EventTypes: Operation<EventTypesAnswer, EventTypesVariables> = {
  name: "EventTypes",
  kind: "query",
  text: "query EventTypes {\n  eventTypes(first: 1000) {\n    collectionItems {\n      type\n    }\n  }\n}",
};

export type LastMatchesAnswer = {
  explainDelivery: {
    filters: ({
      eventFiltersId: string;
      lastMatch: {
        event: {
          id: string;
          date: string;
        } | null;
        sentence: string;
      };
    })[];
  };
};
export type LastMatchesVariables = {
  eventId: string;
  endpointId: string;
};
export const LastMatches: Operation<LastMatchesAnswer, LastMatchesVariables> = {
  name: "LastMatches",
  kind: "query",
  text: "query LastMatches($eventId: ID!, $endpointId: ID!) {\n  explainDelivery(eventId: $eventId, endpointId: $endpointId) {\n    filters {\n      eventFiltersId\n      lastMatch {\n        event {\n          id\n          date\n        }\n        sentence\n      }\n    }\n  }\n}",
};

export type StatisticsAnswer = {
  statistics: {
    counted: boolean;
    p50Ms: number | null;
    p95Ms: number | null;
    points: ({
      start: string;
      events: number;
      delivered: number;
      attemptsFailed: number;
      failed: number;
      p50Ms: number | null;
      p95Ms: number | null;
    })[];
  };
};
export type StatisticsVariables = {
  since: string;
  until: string;
  step: StatisticsStep;
};
export const Statistics: Operation<StatisticsAnswer, StatisticsVariables> = {
  name: "Statistics",
  kind: "query",
  text: "query Statistics($since: DateTime!, $until: DateTime!, $step: StatisticsStep!) {\n  statistics(since: $since, until: $until, step: $step) {\n    counted\n    p50Ms\n    p95Ms\n    points {\n      start\n      events\n      delivered\n      attemptsFailed\n      failed\n      p50Ms\n      p95Ms\n    }\n  }\n}",
};

export type LatestEventsAnswer = {
  events: {
    collectionItems: {
      id: string;
      creationDate: string;
    }[];
  };
};
export type LatestEventsVariables = {
  since: string;
  first: number;
};
export const LatestEvents: Operation<LatestEventsAnswer, LatestEventsVariables> = {
  name: "LatestEvents",
  kind: "query",
  text: "query LatestEvents($since: DateTime!, $first: Int!) {\n  events(filters: { date: { gte: $since } }, first: $first) {\n    collectionItems {\n      id\n      creationDate\n    }\n  }\n}",
};

export type LatestDeliveriesAnswer = {
  deliveries: {
    collectionItems: Seen[];
  };
};
export type LatestDeliveriesVariables = {
  since: string;
  first: number;
};
export const LatestDeliveries: Operation<LatestDeliveriesAnswer, LatestDeliveriesVariables> = {
  name: "LatestDeliveries",
  kind: "query",
  text: "query LatestDeliveries($since: DateTime!, $first: Int!) {\n  deliveries(filters: { creationDate: { gte: $since } }, first: $first) {\n    collectionItems {\n      ...Seen\n    }\n  }\n}\n\nfragment Seen on DeliveryOutput {\n  id\n  endpointId\n  endpoint {\n    name\n    health {\n      ...Health\n    }\n  }\n  status\n  creationDate\n  attempts {\n    durationMs\n    statusCode\n  }\n}\n\nfragment Health on HealthOutput {\n  failingSince\n  disableDate\n  trouble\n  limitedTo\n  notBefore\n}",
};

export type EndpointLatelyAnswer = {
  deliveries: {
    collectionItems: ({
      id: string;
      status: DeliveryStatus;
      creationDate: string;
      attempts: ({
        durationMs: number;
        statusCode: number | null;
      })[];
    })[];
    hasNextPage: boolean;
  };
};
export type EndpointLatelyVariables = {
  id: string;
  since: string;
  first: number;
};
export const EndpointLately: Operation<EndpointLatelyAnswer, EndpointLatelyVariables> = {
  name: "EndpointLately",
  kind: "query",
  text: "query EndpointLately($id: ID!, $since: DateTime!, $first: Int!) {\n  deliveries(\n    filters: { endpointId: { exact: $id }, creationDate: { gte: $since } }\n    first: $first\n  ) {\n    collectionItems {\n      id\n      status\n      creationDate\n      attempts {\n        durationMs\n        statusCode\n      }\n    }\n    hasNextPage\n  }\n}",
};

export type WaitingDeliveriesAnswer = {
  deliveries: {
    collectionItems: Seen[];
    hasNextPage: boolean;
  };
};
export type WaitingDeliveriesVariables = {
  first: number;
};
export const WaitingDeliveries: Operation<WaitingDeliveriesAnswer, WaitingDeliveriesVariables> = {
  name: "WaitingDeliveries",
  kind: "query",
  text: "query WaitingDeliveries($first: Int!) {\n  deliveries(filters: { status: { exact: PENDING } }, first: $first) {\n    collectionItems {\n      ...Seen\n    }\n    hasNextPage\n  }\n}\n\nfragment Seen on DeliveryOutput {\n  id\n  endpointId\n  endpoint {\n    name\n    health {\n      ...Health\n    }\n  }\n  status\n  creationDate\n  attempts {\n    durationMs\n    statusCode\n  }\n}\n\nfragment Health on HealthOutput {\n  failingSince\n  disableDate\n  trouble\n  limitedTo\n  notBefore\n}",
};

export type GivenUpDeliveriesAnswer = {
  deliveries: {
    collectionItems: Seen[];
    hasNextPage: boolean;
  };
};
export type GivenUpDeliveriesVariables = {
  since: string;
  first: number;
};
export const GivenUpDeliveries: Operation<GivenUpDeliveriesAnswer, GivenUpDeliveriesVariables> = {
  name: "GivenUpDeliveries",
  kind: "query",
  text: "query GivenUpDeliveries($since: DateTime!, $first: Int!) {\n  deliveries(\n    filters: { status: { exact: FAILED }, creationDate: { gte: $since } }\n    first: $first\n  ) {\n    collectionItems {\n      ...Seen\n    }\n    hasNextPage\n  }\n}\n\nfragment Seen on DeliveryOutput {\n  id\n  endpointId\n  endpoint {\n    name\n    health {\n      ...Health\n    }\n  }\n  status\n  creationDate\n  attempts {\n    durationMs\n    statusCode\n  }\n}\n\nfragment Health on HealthOutput {\n  failingSince\n  disableDate\n  trouble\n  limitedTo\n  notBefore\n}",
};

export type EndpointsToLookAtAnswer = {
  paused: {
    collectionItems: Off[];
  };
  disabled: {
    collectionItems: Off[];
  };
  any: {
    collectionItems: {
      id: string;
    }[];
  };
  published: {
    collectionItems: {
      id: string;
    }[];
  };
};
export type EndpointsToLookAtVariables = Record<string, never>;
export const EndpointsToLookAt: Operation<EndpointsToLookAtAnswer, EndpointsToLookAtVariables> = {
  name: "EndpointsToLookAt",
  kind: "query",
  text: "query EndpointsToLookAt {\n  paused: endpoints(filters: { status: { exact: PAUSED } }, first: 50) {\n    collectionItems {\n      ...Off\n    }\n  }\n  disabled: endpoints(filters: { status: { exact: DISABLED } }, first: 50) {\n    collectionItems {\n      ...Off\n    }\n  }\n  any: endpoints(first: 1) {\n    collectionItems {\n      id\n    }\n  }\n  published: events(first: 1) {\n    collectionItems {\n      id\n    }\n  }\n}\n\nfragment Off on EndpointOutput {\n  id\n  name\n  status\n  statusReason\n}",
};
