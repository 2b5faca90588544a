package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// poolSize has room for the lanes of a node, its beat and its subscription.
const poolSize = 4 * lanesPerNode

// dial makes the client that the URL asks for. It repeats nothing: a command whose
// reply did not come may have been carried out.
func dial(raw string, timeout time.Duration) (redis.UniversalClient, error) {
	u, err := parseURL(raw, timeout)
	if err != nil {
		return nil, err
	}
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch query := u.Query(); {
	case query.Has("master_name"):
		o, err := redis.ParseFailoverURL(u.String())
		if err != nil {
			return nil, refused(err)
		}
		o.ContextTimeoutEnabled, o.DialerRetries, o.MaxRetries, o.PoolSize = true, 1, -1, poolSize
		o.Dialer = dialer(redis.NewDialer(&redis.Options{DialTimeout: o.DialTimeout, TLSConfig: o.TLSConfig}))
		return redis.NewFailoverClient(o), nil
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(u.String())
		if err != nil {
			return nil, refused(err)
		}
		o.ContextTimeoutEnabled, o.DialerRetries, o.MaxRetries, o.PoolSize, o.MaintNotificationsConfig = true, 1, -1, poolSize, quiet
		o.ClusterStateReloadInterval = clusterReload
		o.Dialer = dialer(redis.NewDialer(&redis.Options{DialTimeout: o.DialTimeout, TLSConfig: o.TLSConfig}))
		return redis.NewClusterClient(o), nil
	default:
		o, err := redis.ParseURL(u.String())
		if err != nil {
			return nil, refused(err)
		}
		o.ContextTimeoutEnabled, o.DialerRetries, o.MaxRetries, o.PoolSize, o.MaintNotificationsConfig = true, 1, -1, poolSize, quiet
		o.Dialer = dialer(redis.NewDialer(o))
		return redis.NewClient(o), nil
	}
}

func dialer(inner func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := inner(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return newQuietConn(conn), nil
	}
}

// staleReads are options of go-redis by which a replica may answer, which knows
// nothing of a write that has just succeeded.
var staleReads = []string{"read_only", "route_by_latency", "route_randomly"}

// parseURL reads the URL, turns addresses after commas into parameters and adds
// the defaults of this package.
func parseURL(raw string, timeout time.Duration) (*url.URL, error) {
	address, parameters, _ := strings.Cut(raw, "?")
	first, more, _ := strings.Cut(address, ",")
	u, err := url.Parse(first + "?" + parameters)
	if err != nil || u.Scheme == "" {
		return nil, errors.New("redis: the URL cannot be read; want redis://, rediss:// or unix://")
	}
	query := u.Query()
	for _, name := range staleReads {
		if query.Has(name) {
			return nil, fmt.Errorf("redis: the URL is refused: with %s a deleted value could be read from a replica", name)
		}
	}
	for addr := range strings.SplitSeq(more, ",") {
		if addr != "" {
			query.Add("addr", addr)
		}
	}
	for name, value := range map[string]string{
		"dial_timeout": dialTimeout.String(), "read_timeout": timeout.String(), "write_timeout": timeout.String(),
	} {
		if !query.Has(name) {
			query.Set(name, value)
		}
	}
	u.RawQuery = query.Encode()
	return u, nil
}

// refused keeps of go-redis' error what it is about and leaves out the value, which
// may be the password or a part of it: in a URL that is wrong, that may be anywhere.
func refused(err error) error {
	about, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "redis: "), ":")
	return fmt.Errorf("redis: the URL is refused: %s", about)
}
