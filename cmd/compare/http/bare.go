package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

// childFlag is the first argument of the processes that are bare servers.
const childFlag = "-serve"

// The ways in which a bare server gets its value.
const (
	bareConstant = "constant"
	bareGoRedis  = "go-redis"
	bareRueidis  = "rueidis"
)

// bareOrder is what such a process is told.
type bareOrder struct{ Kind, Addr, Redis string }

// bare returns what makes the command of a bare server.
func bare(kind string) func(b *bench, dir, addr string) (process.Command, error) {
	return func(b *bench, _, addr string) (process.Command, error) {
		order, err := json.Marshal(bareOrder{kind, addr, b.redisAddr})
		if err != nil {
			return process.Command{}, err
		}
		argv, err := process.Self(childFlag, string(order))
		return process.Command{Argv: argv}, err
	}
}

// getter returns the value of a key.
type getter func(ctx context.Context, key string) ([]byte, error)

// newGetter connects as the clients do when nothing else is asked of them.
func newGetter(o bareOrder) (get getter, closeClient func(), err error) {
	switch o.Kind {
	case bareConstant:
		body := []byte(valueOf(hotKey))
		return func(context.Context, string) ([]byte, error) { return body, nil }, func() {}, nil
	case bareGoRedis:
		client := redis.NewClient(&redis.Options{Addr: o.Redis})
		return func(ctx context.Context, key string) ([]byte, error) { return client.Get(ctx, key).Bytes() }, func() { _ = client.Close() }, nil
	case bareRueidis:
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{o.Redis}})
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, key string) ([]byte, error) {
			return client.Do(ctx, client.B().Get().Key(key).Build()).AsBytes()
		}, client.Close, nil
	default:
		return nil, nil, fmt.Errorf("there is no bare server %q", o.Kind)
	}
}

// bareHandler writes what the service writes, without any of its work: headers
// of the same names and lengths, which never change.
func bareHandler(get getter) http.Handler {
	engine := gin.New()
	engine.GET(prefix+"*key", func(c *gin.Context) {
		body, err := get(c.Request.Context(), c.Param("key")[1:])
		if err != nil {
			c.String(http.StatusBadGateway, "%v", err)
			return
		}
		c.Header("Age", "0")
		c.Header("Cache-Control", "no-cache")
		c.Header("Cache-Status", "mlcache; hit; ttl=3600; detail=l1")
		c.Header("Content-Length", strconv.Itoa(len(body)))
		c.Header("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
		c.Header("Cross-Origin-Resource-Policy", "same-site")
		c.Header("Etag", `"yOQUtzOYz0yjXTD2uXC5jw"`)
		c.Header("X-Content-Type-Options", "nosniff")
		c.Header("X-Request-Id", "ryyasrbylo-1a2b")
		c.Data(http.StatusOK, contentType, body)
	})
	return engine
}

// serveBare is a bare server until ctx ends.
func serveBare(ctx context.Context, order string) error {
	var o bareOrder
	if err := json.Unmarshal([]byte(order), &o); err != nil {
		return fmt.Errorf("%s: %w", childFlag, err)
	}
	get, closeClient, err := newGetter(o)
	if err != nil {
		return err
	}
	defer closeClient()
	gin.SetMode(gin.ReleaseMode)
	// Bounded as the service is.
	server := &http.Server{Addr: o.Addr, Handler: bareHandler(get), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
