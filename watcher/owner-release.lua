-- The owner of a cluster gives it up, so that another need not wait for the lease to run out. Safe to send twice.
--
-- KEYS 1 owner
-- ARGV 1 owner's token
-- Answers 1  |  0 (it was the owner no longer)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
