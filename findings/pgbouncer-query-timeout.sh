#!/usr/bin/env bash
# PgBouncer 1.18.0: with `query_timeout`, a query that was running and one that was never sent to the server fail with the
# same SQLSTATE, 08P01 (protocol violation), and messages that differ in one character: "query timeout" and
# "query_timeout". One would expect: two SQLSTATEs, or none that means a broken protocol, since only the second query is
# certain to have had no effect.
# Seen with Node 20.20, pg 8.23.1 and PostgreSQL 15, on 2026-11-29. Needs Debian's packages postgresql and pgbouncer.
set -euo pipefail

folder=$(mktemp -d)
chmod 777 "$folder"
run() { if [ "$(id -u)" = 0 ]; then (cd "$folder" && runuser -u nobody -- "$@"); else "$@"; fi; }
binaries=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
pgbouncer=$(PATH=$PATH:/usr/sbin command -v pgbouncer)
trap 'kill $(cat "$folder/pid") 2>/dev/null || true; run "$binaries/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --save-exact --ignore-scripts pg@8.23.1

free_port() { node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })'; }
server=$(free_port)
pooler=$(free_port)
run "$binaries/initdb" -D "$folder/data" -U postgres --auth=trust -E UTF8 --locale=C --no-sync >/dev/null
run "$binaries/pg_ctl" -D "$folder/data" -o "-p $server -h 127.0.0.1 -k ''" -l "$folder/log" -w start >/dev/null
cat >pgbouncer.ini <<INI
[databases]
* = host=127.0.0.1 port=$server user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $pooler
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
query_timeout = 2
pidfile = $folder/pid
logfile = $folder/pgbouncer.log
INI
run "$pgbouncer" --daemon --quiet "$folder/pgbouncer.ini"

actual=$(PORT=$pooler node -e '
  const pg = require("pg");
  const connect = async () => {
    const client = new pg.Client({ host: "127.0.0.1", port: Number(process.env.PORT), user: "postgres", database: "postgres" });
    client.on("error", () => {});
    await client.connect();
    return client;
  };
  const failureOf = (query) => query.then(() => "none", ({ code, message }) => `${code} ${message}`);
  (async () => {
    const running = await connect();
    const waiting = await connect();
    const first = failureOf(running.query("SELECT pg_sleep(30)"));
    // Waits for the only connection to the server, for its own 2 seconds.
    const second = failureOf(waiting.query("SELECT 1"));
    console.log(JSON.stringify([await first, await second].sort()));
    process.exit();
  })();
')
actual="$("$pgbouncer" --version | head -n 1) $actual"
expected='PgBouncer 1.18.0 ["08P01 query timeout","08P01 query_timeout"]'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  exit 1
fi
