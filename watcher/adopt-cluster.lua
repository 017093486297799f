-- Gives what is known of a cluster that goes by another name now to that name. Safe to send twice.
--
-- KEYS 1 clusters  2 clusters removed  3 cluster reports
-- ARGV 1 former name  2 name  3 record
-- Answers 1  |  0 (somebody was faster)
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[3] or redis.call('HSETNX', KEYS[1], ARGV[2], ARGV[3]) == 0 then return 0 end
for _, key in ipairs(KEYS) do redis.call('HDEL', key, ARGV[1]) end
return 1
