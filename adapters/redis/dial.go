package redis

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// dial makes the client that the URL asks for, with what this program needs
// unless the URL says otherwise: a call that meets a broken connection is tried
// once more on a new one, contexts end calls, and a server that refuses the
// connection is not asked again and again in the time of a call.
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
		o.ContextTimeoutEnabled, o.DialerRetries = true, 1
		return redis.NewFailoverClient(o), nil
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(u.String())
		if err != nil {
			return nil, refused(err)
		}
		o.ContextTimeoutEnabled, o.DialerRetries, o.MaintNotificationsConfig = true, 1, quiet
		o.ClusterStateReloadInterval = clusterReload
		return redis.NewClusterClient(o), nil
	default:
		o, err := redis.ParseURL(u.String())
		if err != nil {
			return nil, refused(err)
		}
		o.ContextTimeoutEnabled, o.DialerRetries, o.MaintNotificationsConfig = true, 1, quiet
		return redis.NewClient(o), nil
	}
}

// parseURL reads the URL, turns addresses after commas into parameters and adds
// the defaults of this package.
func parseURL(raw string, timeout time.Duration) (*url.URL, error) {
	first, more, _ := strings.Cut(raw, ",")
	u, err := url.Parse(first)
	if err != nil || u.Scheme == "" {
		return nil, errors.New("redis: the URL cannot be read; want redis://, rediss:// or unix://")
	}
	query := u.Query()
	for addr := range strings.SplitSeq(more, ",") {
		if addr != "" {
			query.Add("addr", addr)
		}
	}
	for name, value := range map[string]string{
		"max_retries": "1", "min_retry_backoff": "1ms", "dial_timeout": "1s",
		// Commands are read and written for many callers at once, by nobody's context.
		"read_timeout": timeout.String(), "write_timeout": timeout.String(),
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
