#!/usr/bin/env bash
# Prisma 7.10.1: only a query of a model reports a write conflict as P2034. The same deadlock in $queryRaw is a P2010, and a
# serialization failure of the commit is a DriverAdapterError without a code. One would expect: P2034 for all three, so
# that a transaction can be repeated after that code, as Prisma's documentation shows.
# Seen with Node 20.20, pg 8.23.1 and PostgreSQL 15, on 2026-11-29. Needs Debian's package postgresql.
set -euo pipefail

folder=$(mktemp -d)
chmod 777 "$folder"
run() { if [ "$(id -u)" = 0 ]; then (cd "$folder" && runuser -u nobody -- "$@"); else "$@"; fi; }
binaries=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
trap 'run "$binaries/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --save-exact --ignore-scripts \
  prisma@7.10.1 @prisma/client@7.10.0 @prisma/adapter-pg@7.10.1 pg@8.23.1 >/dev/null

port=$(node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })')
run "$binaries/initdb" -D "$folder/data" -U postgres --auth=trust -E UTF8 --locale=C --no-sync >/dev/null
run "$binaries/pg_ctl" -D "$folder/data" -o "-p $port -h 127.0.0.1 -k ''" -l "$folder/log" -w start >/dev/null

cat >schema.prisma <<'SCHEMA'
generator client {
  provider = "prisma-client-js"
}
datasource db {
  provider = "postgresql"
}
model Counter {
  id    Int @id
  value Int
}
SCHEMA
echo 'export default { schema: "schema.prisma" };' >prisma.config.mjs
# No engine is needed here, so none is downloaded.
PRISMA_SCHEMA_ENGINE_BINARY=/bin/true CHECKPOINT_DISABLE=1 npx prisma generate >/dev/null 2>&1

actual=$(PORT=$port node -e '
  const { PrismaPg } = require("@prisma/adapter-pg");
  const { PrismaClient } = require("@prisma/client");
  const { version } = require("prisma/package.json");
  const connectionString = `postgres://postgres@127.0.0.1:${process.env.PORT}/postgres`;
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString }) });
  /** Two transactions that do the first step, wait for each other, and do the second. Returns the error of the loser. */
  const loserOf = async (steps, isolationLevel) => {
    let waiting = 2;
    let open;
    const both = new Promise((resolve) => (open = resolve));
    const transaction = (mine, other) =>
      prisma.$transaction(async (tx) => {
        await steps[0](tx, mine, other);
        if (--waiting === 0) open();
        await both;
        await steps[1](tx, mine, other);
      }, { isolationLevel, timeout: 60_000 });
    const results = await Promise.allSettled([transaction(1, 2), transaction(2, 1)]);
    const { reason } = results.find(({ status }) => status === "rejected");
    return `${reason.name} ${reason.code}`;
  };
  (async () => {
    await prisma.$executeRaw`CREATE TABLE "Counter" (id int PRIMARY KEY, value int)`;
    await prisma.$executeRaw`INSERT INTO "Counter" VALUES (1, 0), (2, 0)`;
    const update = (tx, id) => tx.counter.update({ where: { id }, data: { value: { increment: 1 } } });
    const lock = (tx, id) => tx.$queryRaw`SELECT id FROM "Counter" WHERE id = ${id} FOR UPDATE`;
    const read = (tx, mine, other) => tx.counter.findUnique({ where: { id: other } });
    const theOther = (step) => (tx, mine, other) => step(tx, other);
    console.log(version);
    console.log("model:    ", await loserOf([update, theOther(update)]));
    console.log("$queryRaw:", await loserOf([lock, theOther(lock)]));
    console.log("commit:   ", await loserOf([async (...all) => { await read(...all); await update(...all); }, async () => {}], "Serializable"));
    process.exit();
  })();
')
expected='7.10.1
model:     PrismaClientKnownRequestError P2034
$queryRaw: PrismaClientKnownRequestError P2010
commit:    DriverAdapterError undefined'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  exit 1
fi
