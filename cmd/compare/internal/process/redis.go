package process

import (
	"context"
	"net"
	"slices"

	"github.com/redis/go-redis/v9"
)

// StartRedis starts a Redis that keeps nothing, in dir, and waits until it answers.
// The binary may follow the words of a program that runs it.
func StartRedis(ctx context.Context, binary []string, addr, dir string) (*Process, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	argv := slices.Concat(binary, []string{
		"--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no", "--daemonize", "no",
	})
	p, err := (Command{Argv: argv}).Start(ctx)
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = client.Close() }()
	if err := p.Within(ctx, func(ctx context.Context) error { return client.Ping(ctx).Err() }); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}
