-- The requests of the benchmarks, for wrk. The arguments follow "--":
--
--   wrk … -s wrk.lua URL -- SHAPE FILE [uniform|zipf]
--
-- SHAPE  list    GET the first ten addresses, with If-None-Match where the file has a tag
--        create  POST an address
--        path    GET a path from the file
-- FILE   one customer id or path per line, followed by a tab and a tag if there is one
--
-- Prints one line of JSON at the end.

local next_thread = 0
function setup(thread)
  thread:set("number", next_thread)
  next_thread = next_thread + 1
end

local body = '{"description":"Summer house by the lake","region":"Île-de-France","city":"Paris",'
  .. '"country":"FR","custom_data":{"landmark":"gate blue bell porter garden","floor":"3"}}'

local makers = {
  list = function(customer, tag)
    local condition = tag and ("If-None-Match: " .. tag .. "\r\n") or ""
    return "GET /v1/customers/" .. customer .. "/addresses?limit=10 HTTP/1.1\r\nHost: a\r\n"
      .. condition .. "\r\n"
  end,
  create = function(customer)
    return "POST /v1/customers/" .. customer .. "/addresses HTTP/1.1\r\nHost: a\r\n"
      .. "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
  end,
  path = function(path)
    return "GET " .. path .. " HTTP/1.1\r\nHost: a\r\n\r\n"
  end,
}

local keys, tags, cumulative = {}, {}, nil
local make

function init(args)
  math.randomseed(42 + number)
  make = makers[args[1]]
  for line in io.lines(args[2]) do
    local key, tag = line:match("^([^\t]*)\t(.*)$")
    keys[#keys + 1] = key or line
    tags[#keys] = tag
  end
  if args[3] == "zipf" then -- the n-th customer 1/n as often as the first
    cumulative = {}
    local sum = 0
    for n = 1, #keys do
      sum = sum + 1 / n
      cumulative[n] = sum
    end
  end
end

local function pick()
  if not cumulative then
    return math.random(#keys)
  end
  local wanted, low, high = math.random() * cumulative[#keys], 1, #keys
  while low < high do
    local middle = math.floor((low + high) / 2)
    if cumulative[middle] < wanted then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

function request()
  local n = pick()
  return make(keys[n], tags[n])
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,'
      .. '"failures":%d}',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50),
    latency:percentile(99), latency.max,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
