#!/usr/bin/env bash
# MariaDB 10.11: information_schema.innodb_trx is a copy that is only renewed if nobody has read it for 0.1 seconds. Whoever
# polls it more often sees the same state for as long as they poll: here, a transaction that has waited for a lock for two
# seconds is still not shown as waiting. The status variable Innodb_row_lock_current_waits counts it at once. One would expect
# that a query on a table of the server's own state sees the present, or that polling does not keep it from being renewed.
# Seen with Node 20.20, mysql2 3.24.6 and MariaDB 10.11, on 2026-11-29. Needs Debian's package mariadb-server-core.
set -euo pipefail

folder=$(mktemp -d)
chmod 777 "$folder"
run() { if [ "$(id -u)" = 0 ]; then (cd "$folder" && runuser -u nobody -- "$@"); else "$@"; fi; }
trap 'kill $(cat "$folder/pid") 2>/dev/null || true; sleep 1; rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --save-exact --ignore-scripts mysql2@3.24.6

port=$(node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })')
mariadbd=$(PATH=$PATH:/usr/sbin command -v mariadbd)
run mkdir "$folder/data"
run "$mariadbd" --no-defaults --skip-grant-tables --skip-networking=0 --datadir="$folder/data" --port="$port" \
  --bind-address=127.0.0.1 --socket="$folder/socket" --pid-file="$folder/pid" >"$folder/log" 2>&1 &

actual=$(PORT=$port node -e '
  const mysql = require("mysql2/promise");
  const { setTimeout: delay } = require("timers/promises");
  const config = { host: "127.0.0.1", port: Number(process.env.PORT), user: "root" };
  const connect = async () => {
    for (let tries = 0; ; tries += 1) {
      try { return await mysql.createConnection(config); } catch (error) { if (tries === 150) throw error; }
      await delay(200);
    }
  };
  const main = async () => {
    const [holder, waiter, observer] = [await connect(), await connect(), await connect()];
    await holder.query("CREATE DATABASE d");
    await holder.query("CREATE TABLE d.t (id INT PRIMARY KEY) ENGINE = InnoDB");
    await holder.query("INSERT INTO d.t VALUES (1)");
    const polled = async () => {
      const [rows] = await observer.query("SELECT trx_state FROM information_schema.innodb_trx WHERE trx_state = \"LOCK WAIT\"");
      return rows.length;
    };
    const counted = async () => {
      const [[row]] = await observer.query("SHOW GLOBAL STATUS LIKE \"Innodb_row_lock_current_waits\"");
      return Number(row.Value);
    };
    const version = (await observer.query("SELECT VERSION() AS v"))[0][0].v.replace(/^(\d+\.\d+).*/, "$1");
    await holder.query("BEGIN");
    await holder.query("SELECT * FROM d.t WHERE id = 1 FOR UPDATE");
    await polled();
    const waiting = waiter.query("SELECT * FROM d.t WHERE id = 1 FOR UPDATE");
    let seen = 0;
    const until = Date.now() + 2000;
    while (Date.now() < until) { seen += await polled(); await delay(20); }
    const status = await counted();
    await delay(300);
    console.log(JSON.stringify({ version, polledFor2Seconds: seen, status, afterAPause: await polled() }));
    await holder.query("ROLLBACK");
    await waiting;
    process.exit();
  };
  main();
')
expected='{"version":"10.11","polledFor2Seconds":0,"status":1,"afterAPause":1}'
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  exit 1
fi
