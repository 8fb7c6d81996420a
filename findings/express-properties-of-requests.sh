#!/usr/bin/env bash
# express 5.3.0: a property that a handler adds to `req`, such as `req.user`, gives each request a hidden class of its own in
# V8, because Express replaces the prototype of the object first. V8 then copies the descriptions of all its properties
# (about 1,300 bytes), and no inline cache knows the object from then on. One would expect: what happens without
# Express, where the requests share one hidden class, as objects that get the same properties in the same order do.
# Seen with Node 20.20.2, on 2026-11-29.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --save-exact --ignore-scripts express@5.3.0

actual=$(node --allow-natives-syntax -e '
  const http = require("node:http");
  const express = require("express");

  const addUser = (held, request, response) => {
    request.user = "alice";
    held.push({ request, response });
    if (held.length < 2) return;
    for (const { response } of held) response.end();
  };

  async function haveSameClass(makeListener) {
    const held = [];
    const server = http.createServer(makeListener((request, response) => addUser(held, request, response)));
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${server.address().port}/`;
    for (let pair = 0; pair < 1000; pair += 1) {
      held.length = 0;
      await Promise.all([fetch(url), fetch(url)].map(async (sent) => (await sent).text()));
    }
    server.close();
    return %HaveSameMap(held[0].request, held[1].request);
  }

  (async () => {
    const plain = await haveSameClass((handler) => handler);
    const inExpress = await haveSameClass((handler) => express().use(handler));
    console.log(require("express/package.json").version, { plain, inExpress });
  })();
')
expected='5.3.0 { plain: true, inExpress: false }'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  exit 1
fi
