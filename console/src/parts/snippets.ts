// Receivers to copy. Each verifies the signature as docs/webhooks.md describes it.

export const LANGUAGES = ["Python", "Node.js", "Go", "PHP", "curl"] as const;
export type Language = (typeof LANGUAGES)[number];

/** A receiver on port 8000 for a webhook, with its secret filled in. */
export function webhookSnippet(language: Language, secret: string, method: string): string {
  switch (language) {
    case "Python":
      return `# python receiver.py
import base64, hashlib, hmac, json, time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = ${JSON.stringify(secret)}


def verify(headers, body):
    """Raises ValueError unless the request is signed with the secret, unchanged and fresh."""
    message_id, timestamp, signatures = (headers.get(f"webhook-{name}") or "" for name in ("id", "timestamp", "signature"))
    if not timestamp.isascii() or not timestamp.isdigit() or not abs(time.time() - int(timestamp[:20])) <= 300:
        raise ValueError("the request is older than five minutes")
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode(errors="replace") + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    # Several signatures while a secret is being replaced: one must fit.
    if not any(hmac.compare_digest(expected, given.encode(errors="replace")) for given in signatures.split(" ")):
        raise ValueError("the signature does not fit")


class Receiver(BaseHTTPRequestHandler):
    def do_${method}(self):
        length = self.headers.get("content-length") or ""
        if not (length.isascii() and length.isdigit() and len(length) < 8):
            self.send_error(411)
            return
        body = self.rfile.read(int(length))
        try:
            verify(self.headers, body)
            event = json.loads(body)
        except ValueError as error:
            self.send_error(400, str(error))
            return
        print(event, flush=True)
        self.send_response(204)
        self.end_headers()


HTTPServer(("", 8000), Receiver).serve_forever()
`;
    case "Node.js":
      return `// node receiver.mjs
import crypto from "node:crypto";
import http from "node:http";

const SECRET = ${JSON.stringify(secret)};

function verify(headers, body) {
  const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map((name) => String(headers[\`webhook-\${name}\`] ?? ""));
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) throw new Error("the request is older than five minutes");
  const key = Buffer.from(SECRET.replace(/^whsec_/, ""), "base64");
  const digest = crypto.createHmac("sha256", key).update(\`\${id}.\${timestamp}.\`).update(body).digest("base64");
  const expected = Buffer.from(\`v1,\${digest}\`);
  // Several signatures while a secret is being replaced: one must fit.
  const fits = signatures.split(" ").map((given) => Buffer.from(given)).some((given) =>
    given.length === expected.length && crypto.timingSafeEqual(given, expected));
  if (!fits) throw new Error("the signature does not fit");
}

http.createServer(async (request, response) => {
  try {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    verify(request.headers, body);
    console.log(JSON.parse(body));
    response.writeHead(204).end();
  } catch (error) {
    response.writeHead(400).end(String(error.message));
  }
}).listen(8000);
`;
    case "Go":
      return `// go run receiver.go
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const secret = ${JSON.stringify(secret)}

func fits(header http.Header, body []byte) bool {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for _, given := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal(expected, []byte(given)) {
			return true
		}
	}
	return false
}

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || !fits(r.Header, body) {
			http.Error(w, "the signature does not fit", http.StatusBadRequest)
			return
		}
		fmt.Println(string(body))
		w.WriteHeader(http.StatusNoContent)
	})
	http.ListenAndServe(":8000", nil)
}
`;
    case "PHP":
      return `<?php // php -S 0.0.0.0:8000 receiver.php
const SECRET = '${secret}';

$body = file_get_contents('php://input');
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$timestamp = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '0';
$key = base64_decode(preg_replace('/^whsec_/', '', SECRET));
$expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
$fits = false;
foreach (explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $given) {
    $fits = $fits || hash_equals($expected, $given);
}
if (!$fits || abs(time() - (int) $timestamp) > 300) {
    http_response_code(400);
    exit('the signature does not fit');
}
error_log($body);
http_response_code(204);
`;
    case "curl":
      return `# Sends your receiver a request as we sign it.
SECRET='${secret}'
BODY='{"id":"try-1","type":"try","date":"2026-01-01T00:00:00.000000+00:00","data":{},"agentId":null,"cameraId":null,"workspaceId":null,"creationDate":null,"lastModified":null}'
ID=msg_try; NOW=$(date +%s)
KEY=$(printf %s "\${SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')
SIGNATURE=$(printf '%s.%s.%s' "$ID" "$NOW" "$BODY" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary | base64)
curl -i -X ${method} http://localhost:8000/ -H 'content-type: application/json' \\
  -H "webhook-id: $ID" -H "webhook-timestamp: $NOW" -H "webhook-signature: v1,$SIGNATURE" -d "$BODY"
`;
  }
}

export const SOCKET_LANGUAGES = ["JavaScript", "Python", "Command line"] as const;
export type SocketLanguage = (typeof SOCKET_LANGUAGES)[number];

/**
 * A client that connects again where it left off. The token is the reader's to fill in.
 *
 * @param filter the id of an event filter that narrows the connection; empty for every event of the endpoint.
 */
export function socketSnippet(language: SocketLanguage, url: string, id: string, filter = ""): string {
  const narrowed = filter ? `&filter=${filter}` : "";
  switch (language) {
    case "JavaScript":
      return `// Node.js 22 or later, or a browser
function follower(handle, last = Number.MAX_SAFE_INTEGER) {                              // beyond the end: from now on
  const self = { last, first: true, take(text) {
    for (const frame of [JSON.parse(text)].flat()) {
      if (frame.notice === "reset") { if (self.first) self.last = frame.next - 1; }
      else if (frame.notice === "gap") self.last = Math.max(self.last, frame.to);
      else if (frame.sequence > self.last) { handle(frame); self.last = frame.sequence; }
      if (frame.sequence || ["reset", "gap"].includes(frame.notice)) self.first = false;
    }
  } };
  return self;
}

function listen(url, endpointId, token, handle, last, pause = 1000, self = follower(handle, last)) {
  const socket = new WebSocket(\`\${url}?endpoint_id=\${endpointId}&batch=1&after=\${self.last}${narrowed}\`, ["token", token]);
  const ping = setInterval(() => socket.send('{"action":"ping"}'), 300000);   // idle connections end after ten minutes
  self.first = true;
  socket.onmessage = ({ data }) => { self.take(data); pause = 1000; };
  socket.onclose = () => {
    clearInterval(ping);
    setTimeout(() => listen(url, endpointId, token, handle, last, Math.min(2 * pause, 60000), self), pause * (0.5 + Math.random() / 2));
  };
}

listen(${JSON.stringify(url)}, ${JSON.stringify(id)}, "<your token>", console.log);
`;
    case "Python":
      return `# pip install websockets
import asyncio, json, random, websockets


class Follower:
    """Handles each event once and in order, whatever comes twice."""

    def __init__(self, handle, last=2**53 - 1):  # beyond the end: from now on
        self.handle, self.last, self.first = handle, last, True

    def take(self, text):
        message = json.loads(text)
        for frame in message if isinstance(message, list) else [message]:
            notice, sequence = frame.get("notice"), frame.get("sequence", 0)
            if notice == "reset":
                self.last = frame["next"] - 1 if self.first else self.last
            elif notice == "gap":
                self.last = max(self.last, frame["to"])
            elif sequence > self.last:
                self.handle(frame)  # then keep the sequence where it survives a restart
                self.last = sequence
            if sequence or notice in ("reset", "gap"):
                self.first = False


async def listen(url, endpoint_id, token, handle, last=2**53 - 1):
    follower, pause = Follower(handle, last), 1
    while True:
        try:
            query = f"endpoint_id={endpoint_id}&token={token}&batch=1&after={follower.last}${narrowed}"
            async with websockets.connect(f"{url}?{query}", max_size=2**20) as socket:
                follower.first = True
                async for text in socket:
                    follower.take(text)
                    pause = 1
        except (OSError, websockets.WebSocketException) as error:
            print("reconnecting:", error)
        await asyncio.sleep(pause * random.uniform(0.5, 1))
        pause = min(2 * pause, 60)


asyncio.run(listen(${JSON.stringify(url)}, ${JSON.stringify(id)}, "<your token>", print))
`;
    case "Command line":
      return `event-service listen ${id}\n\n# in a clone of the project, beside its local stack:\nmake listen ENDPOINT=${id}\n`;
  }
}
