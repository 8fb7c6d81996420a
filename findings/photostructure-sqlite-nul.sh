#!/usr/bin/env bash
# @photostructure/sqlite 1.2.1: a string parameter ends at its first NUL, without an error, so a different string is stored
# and found. One would expect: the whole string, which SQLite itself stores and compares, or an error.
# Seen with Node 20.20, on 2026-11-29.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --save-exact @photostructure/sqlite@1.2.1

actual=$(node -e '
  const { DatabaseSync } = require("@photostructure/sqlite");
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE words (word TEXT)");
  database.prepare("INSERT INTO words VALUES (?)").run("one\0two");
  const { word, bytes } = database.prepare("SELECT word, length(CAST(word AS BLOB)) AS bytes FROM words").get();
  console.log(require("@photostructure/sqlite/package.json").version, JSON.stringify(word), bytes);
')
expected='1.2.1 "one" 3'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  exit 1
fi
