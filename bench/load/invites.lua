-- Makes wrk send invites to random rooms. Arguments: the number of rooms (!room0:example.org and so on) or their
-- percent-encoded IDs, separated by commas, the access token, the prefix of new invitees ("" to always invite Bob), and
-- the status that every response must have.
local path = "POST /_matrix/client/v3/rooms/"
local head, rooms, prefix, expected
local ids = {}
local sent = 0
wrong = 0
wrongStatus = 0

function init(args)
  rooms, prefix, expected = tonumber(args[1]), args[3], tonumber(args[4])
  if rooms == nil then
    for id in string.gmatch(args[1], "[^,]+") do table.insert(ids, id) end
  end
  head = "/invite HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer "
    .. args[2] .. "\r\nContent-Length: "
  math.randomseed(os.time())
end

function request()
  sent = sent + 1
  local user = prefix == "" and "@bob" or "@" .. prefix .. sent
  local body = '{"user_id":"' .. user .. ':example.org"}'
  local room = rooms == nil and ids[math.random(#ids)] or "!room" .. math.random(0, rooms - 1) .. ":example.org"
  return path .. room .. head .. #body .. "\r\n\r\n" .. body
end

function response(status)
  if status ~= expected then
    wrong = wrong + 1
    wrongStatus = status
  end
end

local threads = {}
function setup(thread)
  table.insert(threads, thread)
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"p999":%d,"wrong":%d,"wrongStatus":%d,"broken":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    threads[1]:get("wrong"), threads[1]:get("wrongStatus"),
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
