#!/usr/bin/env bash
# HAProxy 2.6.12 (Debian 12): if a server dies during a request, the first request of a client's connection gets a 502,
# and a later one gets nothing: HAProxy closes the connection, whatever `http-error` says, so that the client sends the
# request again. It does so for a POST too, which clients do not send again on their own. One would expect: a 502 for both.
# Seen with Node 20.20, on 2026-11-29. It needs Debian 12, apt-get and Node.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
chmod a+rwx .
apt-get download -qq haproxy=2.6.12-1+deb12u4 liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done

cat >haproxy.cfg <<'END'
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
listen proxy
    bind unix@proxy.sock
    http-error status 502 content-type text/plain string "custom"
    server one unix@server.sock
END

cat >run.mjs <<'END'
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';

const server = createServer((request, response) => {
  request.resume();
  if (request.url === '/dies') request.socket.destroy();
  else response.end('ok');
}).listen('server.sock');
await once(server, 'listening');

/** Sends one request after another on a connection, and returns the status of the last: 'none' if it was just closed. */
async function lastStatus(...paths) {
  const socket = connect('proxy.sock');
  let received = '';
  socket.on('data', (bytes) => { received += bytes; }).on('error', () => {});
  for (const path of paths) {
    received = '';
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi`);
    await Promise.race([once(socket, 'data'), once(socket, 'close')]);
  }
  socket.destroy();
  return /^HTTP\/1.1 (\d+)/.exec(received)?.[1] ?? 'none';
}
console.log(`first: ${await lastStatus('/dies')}, later: ${await lastStatus('/works', '/dies')}`);
process.exit();
END

LD_LIBRARY_PATH=$(dirname "$(find root -name 'liblua5.3.so.0')") root/usr/sbin/haproxy -db -f haproxy.cfg 2>log &
for _ in $(seq 100); do [ -S proxy.sock ] && break; sleep 0.05; done

actual=$(node run.mjs)
expected='first: 502, later: none'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  cat log >&2
  exit 1
fi
