"""What has to happen to the queue in Redis in one step, in Lua.

A job is an entry of one of two streams, `calls` or `rest`, for one group of workers. `waiting:KEY`
stands while a job of that key is in the queue or in hand, `done:KEY` once its push was accepted or
withdrawn; both live as long as the job.
"""

_BACKLOG = """
local function backlog(group, name)
    local length, last = redis.call('XLEN', name), '-'
    if length == 0 then return 0, last end
    for _, found in ipairs(redis.call('XINFO', 'GROUPS', name)) do
        local info = {}
        for i = 1, #found, 2 do info[found[i]] = found[i + 1] end
        if info['name'] == group then
            length, last = length - info['pending'], '(' .. info['last-delivered-id']
        end
    end
    return length, last
end
"""

# How many jobs no worker has taken.
WAITING = f"""
{_BACKLOG}
local length = 0
for _, name in ipairs(KEYS) do length = length + backlog(ARGV[1], name) end
return length
"""

# Adds a job, unless its key is in the queue or done; answers what had to go for it: pairs of a
# reason and a job. Entries that a worker has in hand do not count and are never dropped.
PUT = (
    _BACKLOG
    + """
local stream, rest, calls, waiting, done = unpack(KEYS)
local group, key, job, expires, now, capacity, marks = unpack(ARGV)
expires, now, capacity = tonumber(expires), tonumber(now), tonumber(capacity)
if redis.call('EXISTS', done) == 1 then return {} end
local life = math.max(1, expires - now)
if not redis.call('SET', waiting, '1', 'NX', 'PX', life) then return {} end

local dropped = {}
local function drop(name, entry, reason)
    redis.call('XDEL', name, entry.id)
    redis.call('DEL', marks .. entry.key)
    dropped[#dropped + 1] = {reason, entry.job}
end

local least
local function drop_expired(name, last)
    for _, found in ipairs(redis.call('XRANGE', name, last, '+', 'COUNT', 256)) do
        local entry = {id = found[1]}
        for i = 1, #found[2], 2 do entry[found[2][i]] = found[2][i + 1] end
        if tonumber(entry.expires) <= now then
            drop(name, entry, 'expired')
        elseif name == rest then
            least = least or entry
        end
    end
end

local rest_length, rest_last = backlog(group, rest)
local calls_length, calls_last = backlog(group, calls)
if rest_length + calls_length >= capacity then
    drop_expired(rest, rest_last)
    drop_expired(calls, calls_last)
    if #dropped == 0 and stream == calls and least then
        drop(rest, least, 'queue full')
    elseif #dropped == 0 then
        redis.call('DEL', waiting)
        return {{'queue full', job}}
    end
end
redis.call('XADD', stream, '*', 'key', key, 'expires', expires, 'job', job)
return dropped
"""
)

_OWNER = """
local function is_owner(stream, group, id, consumer)
    local found = redis.call('XPENDING', stream, group, id, id, 1)[1]
    return found ~= nil and found[2] == consumer
end
"""

# Whether a worker may send: the job is its own, and its key is not done.
IS_OURS = (
    _OWNER
    + """
local stream, done = unpack(KEYS)
local group, consumer, id = unpack(ARGV)
if redis.call('EXISTS', done) == 1 then
    redis.call('XACK', stream, group, id)
    redis.call('XDEL', stream, id)
    return 0
end
if not is_owner(stream, group, id, consumer) then return 0 end
redis.call('XCLAIM', stream, group, consumer, 0, id, 'JUSTID')
return 1
"""
)

# Ends a job. One that another worker has claimed is left to that one, unless it was accepted.
SETTLE = (
    _OWNER
    + """
local stream, waiting, done = unpack(KEYS)
local group, consumer, id, accepted, life = unpack(ARGV)
if accepted == '1' then
    redis.call('SET', done, '1', 'PX', life)
elseif not is_owner(stream, group, id, consumer) then
    return 0
end
redis.call('XACK', stream, group, id)
redis.call('XDEL', stream, id)
redis.call('DEL', waiting)
return 1
"""
)

# Says that the worker lives (idle 0), or that others may have its jobs at once (idle long).
HOLD = (
    _OWNER
    + """
local stream = KEYS[1]
local group, consumer, idle = ARGV[1], ARGV[2], ARGV[3]
for i = 4, #ARGV do
    if is_owner(stream, group, ARGV[i], consumer) then
        redis.call('XCLAIM', stream, group, consumer, 0, ARGV[i], 'IDLE', idle, 'JUSTID')
    end
end
return 1
"""
)

# Forgets the names of workers that were killed, once others have claimed all they had.
FORGET_WORKERS = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local group, idle = ARGV[1], tonumber(ARGV[2])
for _, found in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
    local info = {}
    for i = 1, #found, 2 do info[found[i]] = found[i + 1] end
    if info['pending'] == 0 and info['idle'] >= idle then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group, info['name'])
    end
end
return 1
"""
