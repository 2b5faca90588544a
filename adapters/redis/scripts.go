package redis

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

// Each script is one step of the protocol, atomic on the server and confined
// to the names of one cache key. They are sent by their digest (EVALSHA).
var (
	//go:embed get.lua
	getSource string
	//go:embed acquire.lua
	acquireSource string
	//go:embed renew.lua
	renewSource string
	//go:embed end.lua
	endSource string
	//go:embed write.lua
	writeSource string

	getScript     = redis.NewScript(getSource)
	acquireScript = redis.NewScript(acquireSource)
	renewScript   = redis.NewScript(renewSource)
	endScript     = redis.NewScript(endSource)
	writeScript   = redis.NewScript(writeSource)
)
