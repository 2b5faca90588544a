package redis

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// nodes are the servers that are written to.
type nodes interface {
	// start begins to use them.
	start()
	// of returns the node that has name.
	of(ctx context.Context, name string) (*node, error)
	// moved is told that a node answered err: it does not have the key (any more). It
	// returns nil when the next try may do better.
	moved(ctx context.Context, err error) error
	// suspect has all of them probed now.
	suspect()
	// fault is why not all of them are used, or nil.
	fault() error
	anyUsed() bool
	// tags returns those of all nodes that are used.
	tags() []string
}

// single is a server of its own, or the master under Sentinel.
type single struct{ node *node }

func (s single) start() { s.node.start() }

func (s single) of(context.Context, string) (*node, error) { return s.node, nil }

func (s single) moved(_ context.Context, err error) error { return err }

func (s single) fault() error {
	if f := s.node.fault.Load(); f != nil {
		return f.err
	}
	return nil
}

func (s single) suspect() { s.node.suspect() }

func (s single) anyUsed() bool { return s.node.fault.Load() == nil }

func (s single) tags() []string {
	if s.anyUsed() {
		return []string{s.node.tag}
	}
	return nil
}

// clusterReload is how often it is asked which master has which keys.
const clusterReload = time.Second

// cluster is the masters of a Redis Cluster, as they come and go.
type cluster struct {
	ctx    context.Context // of everything that goes on for it
	client *Client
	rdb    *redis.ClusterClient

	mu    sync.Mutex
	known map[*redis.Client]*node
	err   error // why they are not known
}

func newCluster(ctx context.Context, c *Client, rdb *redis.ClusterClient) *cluster {
	return &cluster{ctx: ctx, client: c, rdb: rdb, known: make(map[*redis.Client]*node), err: errConnecting}
}

func (cl *cluster) start() { cl.client.running.Go(func() { cl.follow(cl.ctx) }) }

// follow looks which masters there are, until ctx ends.
func (cl *cluster) follow(ctx context.Context) {
	tick := time.NewTicker(clusterReload)
	defer tick.Stop()
	for ctx.Err() == nil {
		err := cl.update(ctx)
		cl.mu.Lock()
		cl.err = err
		cl.mu.Unlock()
		if ctx.Err() == nil {
			cl.client.report()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// tagsTried is among how many names there is one for each master, almost certainly.
const tagsTried = 1000

func (cl *cluster) update(ctx context.Context) error {
	look, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	masters := make(map[*redis.Client]string)
	var mu sync.Mutex
	err := cl.rdb.ForEachMaster(look, func(_ context.Context, rdb *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		masters[rdb] = ""
		return nil
	})
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	found := 0
	for i := 0; i < tagsTried && found < len(masters); i++ {
		tag := strconv.Itoa(i)
		rdb, err := cl.rdb.MasterForKey(look, tag)
		if err != nil {
			return fmt.Errorf("redis: %w", err)
		}
		if known, isMaster := masters[rdb]; isMaster && known == "" {
			masters[rdb] = tag
			found++
		}
	}
	cl.adopt(masters)
	return nil
}

// adopt begins to use new masters and leaves those that are none any more, or have
// other keys now.
func (cl *cluster) adopt(masters map[*redis.Client]string) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	for rdb, n := range cl.known {
		if tag := masters[rdb]; tag != n.tag {
			n.stop()
			delete(cl.known, rdb)
		}
	}
	for rdb, tag := range masters {
		if tag != "" && cl.known[rdb] == nil {
			cl.known[rdb] = newNode(cl.ctx, cl.client, rdb, tag)
			cl.known[rdb].start()
		}
	}
}

func (cl *cluster) of(ctx context.Context, name string) (*node, error) {
	cl.mu.Lock()
	err := cl.err
	cl.mu.Unlock()
	if err != nil && len(cl.tags()) == 0 {
		return nil, err
	}
	rdb, err := cl.rdb.MasterForKey(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if n := cl.known[rdb]; n != nil {
		return n, nil
	}
	return nil, errConnecting
}

// moved looks again which master has which keys.
func (cl *cluster) moved(ctx context.Context, _ error) error {
	ctx, cancel := context.WithTimeout(ctx, cl.client.timeout)
	defer cancel()
	err := cl.update(ctx)
	cl.client.report()
	return err
}

func (cl *cluster) all() []*node {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	all := make([]*node, 0, len(cl.known))
	for _, n := range cl.known {
		all = append(all, n)
	}
	return all
}

func (cl *cluster) fault() error {
	cl.mu.Lock()
	err := cl.err
	cl.mu.Unlock()
	if err != nil {
		return err
	}
	all := cl.all()
	if len(all) == 0 {
		return errConnecting
	}
	for _, n := range all {
		if f := n.fault.Load(); f != nil {
			return f.err
		}
	}
	return nil
}

func (cl *cluster) suspect() {
	for _, n := range cl.all() {
		n.suspect()
	}
}

func (cl *cluster) anyUsed() bool { return len(cl.tags()) > 0 }

func (cl *cluster) tags() (tags []string) {
	for _, n := range cl.all() {
		if n.fault.Load() == nil {
			tags = append(tags, n.tag)
		}
	}
	return tags
}
