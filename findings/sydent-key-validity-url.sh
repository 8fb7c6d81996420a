#!/usr/bin/env bash
# sydent 2.6.1: with `enable_v1_access = false`, the URLs that shall say whether its keys are valid are still those of
# version 1 of its API, and respond 404. So no homeserver can accept anything that it signs for an invite by email. One
# would expect: the URLs of version 2, which work.
# Seen with Python 3.11 and Node 20.20, on 2026-11-29. Needs Python 3.10 or later with venv.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet matrix-sydent==2.6.1 prometheus-client==0.26.0 twisted==26.10.0 attrs==26.1.0 \
  pyopenssl==26.4.0 cryptography==50.0.2 service-identity==26.1.0 pynacl==1.6.2

free_port() { node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })'; }
port=$(free_port)
smtp=$(free_port)

mkdir -p templates/brand
printf 'From: %%(from)s\nTo: %%(to)s\n\n%%(token)s\n' >templates/brand/invite_template.eml
cat >sydent.conf <<END_OF_CONFIG
[general]
server.name = id.example
enable_v1_access = false
templates.path = templates
brand.default = brand
[http]
clientapi.http.bind_address = 127.0.0.1
clientapi.http.port = $port
client_http_base = http://127.0.0.1:$port
[email]
email.from = sydent@id.example
email.smtphost = 127.0.0.1
email.smtpport = $smtp
email.hostname = localhost
END_OF_CONFIG

# An SMTP server that accepts everything.
SMTP=$smtp node -e '
  require("net").createServer((socket) => {
    let data = false;
    socket.on("error", () => {}).write("220 ready\r\n");
    require("readline").createInterface({ input: socket }).on("line", (line) => {
      if (data && line !== ".") return;
      data = line === "data" || line === "DATA";
      socket.write(data ? "354 go on\r\n" : "250 ok\r\n");
    });
  }).listen(Number(process.env.SMTP), "127.0.0.1");
' &
SYDENT_CONF=sydent.conf python/bin/python -m sydent.sydent >/dev/null 2>log &

cat >run.mjs <<'END_OF_PROGRAM'
import { execFileSync } from 'node:child_process';
const base = `http://127.0.0.1:${process.env.PORT}`;
while (!(await fetch(`${base}/_matrix/identity/v2/terms`).catch(() => undefined))) {
  await new Promise((resolve) => setTimeout(resolve, 100));
}
// An account with an access token, without a homeserver that says who it is.
execFileSync('python/bin/python', ['-c', `
import sqlite3
db = sqlite3.connect("sydent.db")
db.execute("INSERT INTO accounts (user_id, created_ts) VALUES ('@alice:example.org', 1)")
db.execute("INSERT INTO tokens (token, user_id) VALUES ('secret', '@alice:example.org')")
db.commit()`]);
const response = await fetch(`${base}/_matrix/identity/v2/store-invite`, {
  method: 'POST',
  headers: { Authorization: 'Bearer secret' },
  body: JSON.stringify({ medium: 'email', address: 'bob@mail.example', room_id: '!room:example.org', sender: '@alice:example.org' }),
});
const { public_keys = [] } = await response.json();
for (const { public_key, key_validity_url } of public_keys) {
  for (const url of [key_validity_url, key_validity_url.replace('/api/v1/', '/v2/')]) {
    const answer = await fetch(`${url}?${new URLSearchParams({ public_key })}`);
    console.log(new URL(url).pathname, answer.status, answer.status === 200 ? JSON.stringify(await answer.json()) : '');
  }
}
END_OF_PROGRAM

actual=$(PORT=$port timeout 60 node run.mjs)
expected='/_matrix/identity/api/v1/pubkey/isvalid 404 
/_matrix/identity/v2/pubkey/isvalid 200 {"valid":true}
/_matrix/identity/api/v1/pubkey/ephemeral/isvalid 404 
/_matrix/identity/v2/pubkey/ephemeral/isvalid 200 {"valid":true}'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  cat log >&2
  exit 1
fi
