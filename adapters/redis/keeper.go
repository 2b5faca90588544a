package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// laneLifetime is how long a connection is used, give or take a fifth: a name
	// that moved to another address is noticed by connecting again.
	laneLifetime = 2 * time.Minute
	// beatLifetime is that of the connection of the beats, which notices it first.
	beatLifetime = 3 * time.Second

	dialTimeout = 2 * time.Second
	// connectTimeout bounds how long it takes to connect, to authenticate and to
	// learn which server it is.
	connectTimeout = 5 * time.Second

	// beatEvery is how often a server is probed, the whole way that commands and
	// invalidations take: see probe.lua.
	beatEvery = time.Second
	// beatTimeout bounds one beat. It is longer than the budget of a call, so that
	// a single call that is late does not take the server out of use.
	beatTimeout = 500 * time.Millisecond
)

var (
	errOtherRunID = errors.New("the address leads to another server now")
	errNoRunID    = errors.New("INFO does not tell the run_id")
	errIsCluster  = errors.New("the server is one of a Cluster: name at least two of its addresses")
)

// keep uses the server whenever it can be used, until ctx ends.
func (n *node) keep(ctx context.Context) {
	for wait := (backoff{}); ctx.Err() == nil; wait.pause(ctx) {
		conn, err := n.connect(ctx, n.beats)
		if err == nil {
			if err = n.try(ctx, conn); err == nil {
				wait = backoff{}
				conn, err = n.serve(ctx, conn)
			}
			_ = conn.Close()
		}
		n.out(ctx, err)
	}
	n.fault.Store(&fault{errClosed})
}

// try has the server know the scripts, and probes it.
func (n *node) try(ctx context.Context, conn *redis.Conn) error {
	if err := loadScripts(ctx, conn); err != nil {
		return err
	}
	return n.probe(ctx, conn)
}

// serve opens the lanes and probes the server until that fails. It returns the
// connection that it probed last.
func (n *node) serve(ctx context.Context, conn *redis.Conn) (*redis.Conn, error) {
	lanes, closeLanes := context.WithCancel(ctx)
	var open sync.WaitGroup
	for _, l := range n.lanes {
		open.Go(func() { l.keep(lanes) })
	}
	defer open.Wait()
	defer closeLanes()
	if err := n.awaitLanes(ctx); err != nil {
		return conn, err
	}
	n.fault.Store(nil)
	n.client.report()
	renewed := time.Now()
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return conn, context.Cause(ctx)
		case <-tick.C:
		case <-n.look:
		}
		if time.Since(renewed) > beatLifetime {
			next, err := n.connect(ctx, n.beats)
			if err == nil {
				_ = conn.Close()
				conn, renewed = next, time.Now()
			} else if errors.Is(err, errOtherRunID) {
				return conn, err
			}
		}
		if err := n.probe(ctx, conn); err != nil {
			return conn, err
		}
	}
}

// out takes the server out of use.
func (n *node) out(ctx context.Context, err error) {
	n.mu.Lock()
	n.runID = ""
	n.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	n.fault.Store(&fault{fmt.Errorf("redis: %w", err)})
	n.wake()
	n.client.report()
}

// suspect has the server probed now.
func (n *node) suspect() {
	select {
	case n.look <- struct{}{}:
	default:
	}
}

// connect returns a connection that is ready for use. All connections of a node
// lead to the same server.
func (n *node) connect(ctx context.Context, rdb *redis.Client) (*redis.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn := rdb.EphemeralConn()
	id, err := n.identify(ctx, conn)
	if err == nil {
		err = n.isSame(id)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func (n *node) isSame(id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.runID == "" {
		n.runID = id
	}
	if n.runID != id {
		n.suspect()
		return errOtherRunID
	}
	return nil
}

// identify returns what names the run of the server.
func (n *node) identify(ctx context.Context, conn *redis.Conn) (string, error) {
	text, err := conn.Info(ctx, "server").Result()
	if err != nil {
		return "", err
	}
	var id, mode string
	for line := range strings.Lines(text) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name {
		case "run_id":
			id = value
		case "redis_mode":
			mode = value
		}
	}
	if id == "" {
		return "", errNoRunID
	}
	if _, isSingle := n.client.nodes.(single); isSingle && mode == "cluster" {
		return "", errIsCluster
	}
	return id, nil
}

// probe does on conn all that is asked of the server otherwise.
func (n *node) probe(ctx context.Context, conn *redis.Conn) error {
	names := probeNames(n.client.base, n.client.id, n.tag)
	asked := time.Now()
	cmd, err := evaluate(ctx, probeScript, conn.Process, names, n.client.beats(), beatMark+n.tag)
	if err != nil {
		return err
	}
	at, err := cmd.Int64()
	if err != nil {
		return err
	}
	n.clock.set(asked, time.Now(), at)
	life, value := redis.NewDurationCmd(ctx, time.Millisecond, "pttl", names[0]), redis.NewStringCmd(ctx, "get", names[0])
	cmds := []redis.Cmder{life, value}
	if n.client.replicas > 0 {
		cmds = append(cmds, redis.NewIntCmd(ctx, "wait", 0, 1)) // whether that is allowed
	}
	if err := roundTrip(ctx, conn, cmds); err != nil {
		return err
	}
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}
