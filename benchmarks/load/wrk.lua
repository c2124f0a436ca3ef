-- wrk -s wrk.lua URL -- FILE...   each FILE is a whole HTTP request; they are sent in turn.
local requests, next_one = {}, 0

function init(args)
  for i, path in ipairs(args) do
    local file = assert(io.open(path, "rb"))
    requests[i] = file:read("*a")
    file:close()
  end
end

function request()
  next_one = next_one % #requests + 1
  return requests[next_one]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration_s":%.6f,"refused":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f,"p999_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3))
end
