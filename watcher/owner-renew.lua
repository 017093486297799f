-- The owner of a cluster says that it is alive; nobody else can. Safe to send twice.
--
-- KEYS 1 owner
-- ARGV 1 owner's token  2 lease ms
-- Answers 1  |  0 (it is the owner no longer)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
