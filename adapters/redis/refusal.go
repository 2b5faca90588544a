package redis

import (
	"errors"

	"github.com/redis/go-redis/v9"
)

// isRefusal reports whether the server answered err because it does not, or not now,
// do what this adapter needs: READONLY, NOPERM, OOM, LOADING, CLUSTERDOWN and all
// others. Not among them are what is said of one key or script, and of where a key
// is now.
func isRefusal(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) || errors.Is(err, redis.Nil) {
		return false
	}
	for _, prefix := range []string{"NOSCRIPT", "WRONGTYPE", "MOVED", "ASK", "TRYAGAIN"} {
		if redis.HasErrorPrefix(err, prefix) {
			return false
		}
	}
	return true
}

// isReply reports whether err is what the server answered, or nothing.
func isReply(err error) bool {
	var reply redis.Error
	return err == nil || errors.As(err, &reply)
}

// isElsewhere reports whether another node of the Cluster has the key. What was
// asked was not done.
func isElsewhere(err error) bool {
	return redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "ASK") || redis.HasErrorPrefix(err, "TRYAGAIN")
}
