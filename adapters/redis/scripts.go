package redis

import (
	"context"
	_ "embed"

	"github.com/redis/go-redis/v9"
)

// Each script is one step of the protocol, atomic on the server and confined to the
// names of one cache key, to the record of purges or to the list of hot keys. They are
// sent by their digest (EVALSHA).
var (
	//go:embed acquire.lua
	acquireSource string
	//go:embed await.lua
	awaitSource string
	//go:embed renew.lua
	renewSource string
	//go:embed end.lua
	endSource string
	//go:embed write.lua
	writeSource string
	//go:embed purge.lua
	purgeSource string
	//go:embed hot.lua
	hotSource string
	//go:embed probe.lua
	probeSource string

	acquireScript = newScript(acquireSource)
	awaitScript   = newScript(awaitSource)
	renewScript   = newScript(renewSource)
	endScript     = newScript(endSource)
	writeScript   = newScript(writeSource)
	purgeScript   = newScript(purgeSource)
	hotScript     = newScript(hotSource)
	probeScript   = newScript(probeSource)

	scripts = []script{acquireScript, awaitScript, renewScript, endScript, writeScript, purgeScript, hotScript, probeScript}
)

type script struct{ source, digest string }

func newScript(source string) script { return script{source, redis.NewScript(source).Hash()} }

// loadScripts has the server know all scripts before it is used, so that no call takes
// a second round trip to send the text. Where that is refused, the first calls do.
func loadScripts(ctx context.Context, conn *redis.Conn) error {
	cmds := make([]redis.Cmder, 0, len(scripts))
	for _, s := range scripts {
		cmds = append(cmds, redis.NewStringCmd(ctx, "script", "load", s.source))
	}
	return roundTrip(ctx, conn, cmds)
}

// command returns the command that runs the script.
func (s script) command(ctx context.Context, verb, body string, keys []string, args []any) *redis.Cmd {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, verb, body, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	return redis.NewCmd(ctx, append(all, args...)...)
}

// evaluate runs a script by its digest, or by its text if the server does not have
// it. The error is that of send, or the server's.
func evaluate(ctx context.Context, s script, send func(context.Context, redis.Cmder) error, keys []string, args ...any) (*redis.Cmd, error) {
	cmd := s.command(ctx, "evalsha", s.digest, keys, args)
	err := send(ctx, cmd)
	if err == nil {
		err = cmd.Err()
	}
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		cmd = s.command(ctx, "eval", s.source, keys, args)
		if err = send(ctx, cmd); err == nil {
			err = cmd.Err()
		}
	}
	return cmd, err
}
