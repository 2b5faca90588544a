package redis

import (
	"context"
	_ "embed"

	"github.com/redis/go-redis/v9"
)

// Each script is one step of the protocol, atomic on the server and confined
// to the names of one cache key. They are sent by their digest (EVALSHA).
var (
	//go:embed acquire.lua
	acquireSource string
	//go:embed renew.lua
	renewSource string
	//go:embed end.lua
	endSource string
	//go:embed write.lua
	writeSource string

	acquireScript = newScript(acquireSource)
	renewScript   = newScript(renewSource)
	endScript     = newScript(endSource)
	writeScript   = newScript(writeSource)
)

type script struct{ source, digest string }

func newScript(source string) script { return script{source, redis.NewScript(source).Hash()} }

// command returns the command that runs the script.
func (s script) command(ctx context.Context, verb, body string, keys []string, args []any) *redis.Cmd {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, verb, body, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	return redis.NewCmd(ctx, append(all, args...)...)
}
