#!/usr/bin/env bash
# Synapse 1.163.2: ip_range_whitelist does not apply to a server whose name is an IP address. Requests to it are blocked,
# and its own requests get a 401 "Failed to find any key to satisfy". Under a host name that leads to the same IP address,
# it is reached. One would expect: the same for both, as Synapse's documentation says that the whitelist takes precedence.
# Seen with Python 3.11, on 2026-11-29. Needs Python 3.10 or later with venv, and curl.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet matrix-synapse==1.163.2

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
synapse=$(free_port)
# JSON is YAML.
cat >homeserver.yaml <<END_OF_CONFIG
{
  "server_name": "synapse.test",
  "report_stats": false,
  "pid_file": "homeserver.pid",
  "enable_media_repo": false,
  "signing_key_path": "signing.key",
  "macaroon_secret_key": "secret",
  "form_secret": "secret",
  "database": { "name": "sqlite3", "args": { "database": "homeserver.db" } },
  "listeners": [
    { "type": "http", "port": $synapse, "bind_addresses": ["127.0.0.1"], "resources": [{ "names": ["keys"] }] }
  ],
  "trusted_key_servers": [],
  "ip_range_whitelist": ["127.0.0.1/32", "::1/128"]
}
END_OF_CONFIG
python/bin/python -m synapse.app.homeserver --config-path homeserver.yaml --generate-keys >/dev/null 2>&1
python/bin/python -m synapse.app.homeserver --config-path homeserver.yaml >log 2>&1 &
curl --silent --retry 60 --retry-delay 1 --retry-all-errors --noproxy '*' --output /dev/null "http://127.0.0.1:$synapse/health"

# Asks Synapse for the keys of a server, and prints whether Synapse connects to it.
asked() {
  local port
  port=$(free_port)
  python3 - "$port" >connected 2>&1 <<'END_OF_SERVER' &
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
server.settimeout(10)
try:
    server.accept()
    print("connects")
except TimeoutError:
    print("does not connect")
END_OF_SERVER
  local server=$!
  sleep 1
  curl --silent --max-time 20 --noproxy '*' --data "{\"server_keys\":{\"$1:$port\":{\"ed25519:1\":{\"minimum_valid_until_ts\":0}}}}" \
    "http://127.0.0.1:$synapse/_matrix/key/v2/query" >/dev/null || true &
  wait "$server"
  echo "$1: $(cat connected)"
}
actual=$(asked localhost; asked 127.0.0.1)
expected='localhost: connects
127.0.0.1: does not connect'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  grep -v synapse.storage log >&2
  exit 1
fi
