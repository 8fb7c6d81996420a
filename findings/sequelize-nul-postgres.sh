#!/usr/bin/env bash
# sequelize 6.37.8 with dialect postgres: it writes a NUL in a string as a backslash and a zero, so that a row with another
# text is stored. One would expect: an error, because PostgreSQL's text holds no NUL, as with pg alone.
# Seen with Node 20.20, on 2026-11-29.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --save-exact --ignore-scripts sequelize@6.37.8 pg@8.23.1

actual=$(node -e '
  const { version } = require("sequelize/package.json");
  const { Sequelize } = require("sequelize");
  const written = new Sequelize({ dialect: "postgres", logging: false }).escape("a\0b");
  console.log(version, JSON.stringify(written));
')
expected='6.37.8 "'"'"'a\\0b'"'"'"'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  exit 1
fi
