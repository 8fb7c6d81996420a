#!/usr/bin/env bash
# sydent 2.6.1: it tells a homeserver about every address that is bound, not only about those with invites, and then its
# body has no `invites`. It does so by POST, and keeps repeating the request until the status is 200. One would
# expect: a PUT with `invites`, which the specification requires, or no request if there are none.
# Seen with Python 3.11 and Node 20.20, on 2026-11-29. Needs Python 3.10 or later with venv, and openssl.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet matrix-sydent==2.6.1 prometheus-client==0.26.0 twisted==26.10.0 attrs==26.1.0 \
  pyopenssl==26.4.0 cryptography==50.0.2 service-identity==26.1.0 pynacl==1.6.2
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=homeserver \
  -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem 2>/dev/null

free_port() { node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })'; }
internal=$(free_port)
cat >sydent.conf <<END_OF_CONFIG
[general]
server.name = id.example
ip.whitelist = 127.0.0.1/32
[http]
clientapi.http.bind_address = 127.0.0.1
clientapi.http.port = $(free_port)
internalapi.http.bind_address = 127.0.0.1
internalapi.http.port = $internal
[email]
email.from = sydent@id.example
email.hostname = localhost
END_OF_CONFIG
SYDENT_CONF=sydent.conf SSL_CERT_FILE=cert.pem python/bin/python -m sydent.sydent >/dev/null 2>log &

cat >run.mjs <<'END_OF_PROGRAM'
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { json } from 'node:stream/consumers';

// A homeserver that requires what the specification requires.
let requests = 0;
const server = createServer({ cert: readFileSync('cert.pem'), key: readFileSync('key.pem') }, async (request, response) => {
  const body = await json(request);
  const status = request.method === 'PUT' && Array.isArray(body.invites) ? 200 : 400;
  console.log(request.method, request.url, `invites: ${body.invites}`, status);
  response.writeHead(status).end('{}');
  requests += 1;
  if (requests === 3) process.exit();
}).listen(0, '127.0.0.1');
await once(server, 'listening');

const binding = { medium: 'email', address: 'bob@mail.example', mxid: `@bob:127.0.0.1:${server.address().port}` };
const url = `http://127.0.0.1:${process.env.INTERNAL}/_matrix/identity/internal/bind`;
while (!(await fetch(url, { method: 'POST', body: JSON.stringify(binding) }).catch(() => undefined))) {
  await new Promise((resolve) => setTimeout(resolve, 100));
}
END_OF_PROGRAM

actual=$(INTERNAL=$internal timeout 60 node run.mjs)
line='POST /_matrix/federation/v1/3pid/onbind invites: undefined 400'
expected=$(printf '%s\n' "$line" "$line" "$line")

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  cat log >&2
  exit 1
fi
