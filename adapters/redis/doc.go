// Package redis is the second layer on a Redis server that all instances
// share: the values (Store) and the leases with their wake-ups (Locker). Both
// stand in one package because value, lock, failure and waiters of a key are
// one protocol, carried out by scripts that see all of them at once.
//
// Per cache key there are up to five Redis keys, in one hash slot:
//
//	mlc:{key}           the stored form of the entry, perhaps compressed, for its TTL
//	mlc:{key}:lock      the token of the lease, for the lock's TTL
//	mlc:{key}:failure   how the last load failed, for the cool-down
//	mlc:{key}:waiters   the channels of the instances to wake when the lease ends
//	mlc:{key}:grant     the last lease that was granted, until a write, its end, or a minute after it expired
//
// The lock is SET NX PX with a random token, ended only by whoever shows the
// token (redis.io, "Distributed Locks with Redis", single instance). It is for
// efficiency and for fencing: a fill is done by the script that checks the
// token, so whoever lost the lease cannot write (Nishtala et al., "Scaling
// Memcache at Facebook", NSDI 2013, section 3.2.1).
//
// An instance that waits for a lease leaves its channel in the waiters' set, in the
// script that finds the lock taken, so that no wake-up can fall between the two. The
// wake-up says how the lease ended, as far as L2 will not show it. The instance polls
// as well, slowly, for the case that a message or its sender was lost.
//
// Several caches of a program share the connections of one Client and the subscription
// of one Bus, each in a Namespace with names and channels of its own.
//
// Commands go over lanes, established connections of a node, which a keeper opens
// while the server does all that it is asked. docs/adr/0009 has the reasons.
package redis
