"use strict";

// Relative to the page: behind a stage or a proxy the path has a prefix that only the browser knows.
const API = window.location.pathname;
const token = document.getElementById("token");

token.value = window.sessionStorage.getItem("event-service-token") || "";
token.addEventListener("input", () => window.sessionStorage.setItem("event-service-token", token.value.trim()));

async function fetcher(request, options) {
  const headers = { "content-type": "application/json", ...((options && options.headers) || {}) };
  const named = Object.keys(headers).some((name) => ["token", "authorization"].includes(name.toLowerCase()));
  if (!named && token.value.trim()) headers.Token = token.value.trim();
  const response = await fetch(API, { method: "POST", headers, body: JSON.stringify(request) });
  return response.json();
}

const EXAMPLES = [
  `# Where should events go? To a URL of yours …
mutation CreateWebhook {
  createWebhookEndpoint(
    name: "My Endpoint"
    url: "https://web-hook.server.com"
    method: "POST"
  ) {
    id
    name
    type
    meta
    status
  }
}
`,
  `# … or to a program that connects by WebSocket: <WebSocket URL>?endpoint_id=<id>
mutation CreateWebSocket {
  createWebSocketEndpoint(name: "MyEndpoint") {
    id
    creationDate
  }
}
`,
  `# Which events does an endpoint want? Without a filter it gets all of the workspace.
mutation CreateFilter {
  createEventFilters(
    name: "MyFilter"
    eventFiltersInput: {in: {eventTypes: ["IDENTIFICATION"]}}
    endpointIds: []
  ) {
    id
    meta
    endpoints {
      id
      name
    }
  }
}
`,
  `mutation Publish {
  publishEvents(
    events: [{type: IDENTIFICATION, data: {text: "hello", identification_data: []}}]
  ) {
    ok
    ids
    duplicateIds
  }
}
`,
  `query Look {
  endpoints(order: {creationDate: DESC}, pagination: {limit: 10}) {
    totalCount
    collectionItems {
      id
      name
      type
      meta
      status
      statusReason
      eventFilters {
        id
        name
      }
    }
  }
  events(pagination: {limit: 10}) {
    collectionItems {
      id
      type
      date
      data
    }
  }
  deliveries(pagination: {limit: 10}) {
    collectionItems {
      eventId
      status
      attempts {
        number
        statusCode
        durationMs
        error
      }
      nextAttemptDate
    }
  }
}
`,
];

async function start() {
  // The schema comes as a file, so that names are completed and explained before a token is pasted. There is none where
  // introspection is turned off.
  const answer = await fetch("graphql/ide/schema.json");
  const schema = answer.ok ? await answer.json() : null;
  const defaultTabs = EXAMPLES.map((query) => ({ query }));
  const props = { fetcher, schema, defaultTabs, defaultEditorToolsVisibility: false, shouldPersistHeaders: false };
  ReactDOM.createRoot(document.getElementById("graphiql")).render(React.createElement(GraphiQL, props));
}

start();
