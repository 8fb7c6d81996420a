#!/usr/bin/env bash
# pg 8.23.1: a pool with `binary: true` returns wrong numbers, without an error: pg-protocol decodes every value as UTF-8
# before the binary parser gets it, so each byte from 0x80 on is replaced. One would expect: the number that is stored.
# Seen with Node 20.20 and PostgreSQL 15, on 2026-11-29. Needs a PostgreSQL server's programs (Debian: postgresql).
set -euo pipefail

folder=$(mktemp -d)
run() { if [ "$(id -u)" = 0 ]; then (cd "$folder" && runuser -u nobody -- "$@"); else "$@"; fi; }
binaries=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
trap 'run "$binaries/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --save-exact --ignore-scripts pg@8.23.1

chmod 777 "$folder"
port=$(node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })')
run "$binaries/initdb" -D "$folder/data" -U postgres --auth=trust -E UTF8 --locale=C --no-sync >/dev/null
run "$binaries/pg_ctl" -D "$folder/data" -o "-p $port -h 127.0.0.1 -k ''" -l "$folder/log" -w start >/dev/null

actual=$(PORT=$port node -e '
  const pg = require("pg");
  const { version } = require("pg/package.json");
  (async () => {
    const values = [];
    for (const binary of [false, true]) {
      const client = new pg.Client({ host: "127.0.0.1", port: Number(process.env.PORT), user: "postgres", database: "postgres", binary });
      await client.connect();
      const { rows } = await client.query({ text: "SELECT 1700000000001::int8 AS n, 200::int4 AS i", values: [], queryMode: "extended" });
      values.push([rows[0].n, rows[0].i].map(String).join(" "));
      await client.end();
    }
    console.log(version, JSON.stringify(values));
  })();
')
expected='8.23.1 ["1700000000001 200","2129225707455 239"]'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  exit 1
fi
