package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Options say where the server is and how long it may take.
type Options struct {
	// URL is redis://, rediss:// or unix://, with user, password and database
	// as go-redis reads them. Further addresses after commas, or as addr
	// parameters, make it a Redis Cluster; a master_name parameter, Sentinel.
	URL string
	// Prefix stands before each key and channel. Braces are not allowed in it.
	Prefix string
	// Timeout bounds each call on an established connection: how long no byte
	// arrives. It has to be longer than the round-trip time; connecting does not
	// spend it.
	Timeout time.Duration
	// WaitReplicas is how many replicas have to have a Put or Delete before it succeeds,
	// 0 for none. It is waited for up to half of Timeout. A write that fewer have fails,
	// although it may be applied.
	WaitReplicas int
	// CompressAbove is how many bytes an entry may take on the server before it is
	// compressed, if that makes it smaller; 0 for none. Compressed entries are read
	// whatever it is.
	CompressAbove int
	// Logger is told when the server becomes unusable and usable again.
	Logger *slog.Logger
}

// Client is the connection to the server that Store, Locker and Bus share, and the
// namespace in which they use it. It is safe for concurrent use and must be closed.
type Client struct {
	*connections
	prefix string
	isView bool
}

// connections are what the namespaces of a client share.
type connections struct {
	rdb      redis.UniversalClient
	base     string // the prefix of all
	id       string // names this instance among all
	timeout  time.Duration
	replicas int // that writes wait for
	forms    *forms
	log      *slog.Logger
	nodes    nodes
	writes   ownWrites
	settled  chan struct{} // closed when the first try to connect has ended
	settle   func()
	ctx      context.Context // of what goes on in the background
	stop     context.CancelFunc
	running  sync.WaitGroup // every goroutine of the client

	isUsed atomic.Bool // whether any server is used; changes under mu

	mu    sync.Mutex
	fault error         // why it is not usable, nil while it is
	used  chan struct{} // closed while any server is used
}

// NewClient returns a client for o, which connects in the background: a server that
// cannot be reached now may come later. The error says what is wrong with o, without
// the password.
func NewClient(o Options) (*Client, error) {
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, fmt.Errorf("redis: prefix %q contains a brace", o.Prefix)
	}
	if o.Timeout <= 0 {
		return nil, fmt.Errorf("redis: timeout %v is not positive", o.Timeout)
	}
	if o.WaitReplicas < 0 {
		return nil, fmt.Errorf("redis: WaitReplicas %d is negative", o.WaitReplicas)
	}
	forms, err := newForms(o.CompressAbove)
	if err != nil {
		return nil, err
	}
	rdb, err := dial(o.URL, o.Timeout)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Client{prefix: o.Prefix, connections: &connections{
		rdb: rdb, base: o.Prefix, id: rand.Text(), timeout: o.Timeout, replicas: o.WaitReplicas,
		forms: forms, log: o.Logger, ctx: ctx, stop: stop,
		writes: ownWrites{open: make(map[string]ownWrite)},
		fault:  errConnecting, used: make(chan struct{}),
	}}
	c.settled = make(chan struct{})
	c.settle = sync.OnceFunc(func() { close(c.settled) })
	switch rdb := rdb.(type) {
	case *redis.ClusterClient:
		c.nodes = newCluster(ctx, c, rdb)
	case *redis.Client:
		c.nodes = single{newNode(ctx, c, rdb, "")}
	}
	c.nodes.start()
	return c, nil
}

// Await waits until a server is used, or for ctx, whose error it then returns.
func (c *Client) Await(ctx context.Context) error {
	c.mu.Lock()
	used := c.used
	c.mu.Unlock()
	select {
	case <-used:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Settle waits until it is known whether a server can be used, or for ctx.
func (c *Client) Settle(ctx context.Context) {
	select {
	case <-c.settled:
	case <-ctx.Done():
	}
}

// Close ends what goes on in the background and closes all connections. Those of a
// namespace are its client's to close.
func (c *Client) Close() error {
	if c.isView {
		return nil
	}
	c.stop()
	err := c.rdb.Close()
	c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteUsedLocked(false)
	return err
}

// do has commands carried out in their order, within the budget, by the server that
// has name. The commands' own errors are the server's; after an error of do itself
// they may not be looked at.
func (c *Client) do(ctx context.Context, name string, t traffic, cmds ...redis.Cmder) error {
	return c.on(ctx, name, func(n *node) ([]redis.Cmder, error) { return cmds, n.do(ctx, t, &call{cmds: cmds}) })
}

// on calls exchange with the node that has name, and once more if that has moved.
func (c *Client) on(ctx context.Context, name string, exchange func(*node) ([]redis.Cmder, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for last := false; ; last = true {
		n, err := c.nodes.of(ctx, name)
		if err != nil {
			return err
		}
		cmds, err := exchange(n)
		if err != nil {
			return err
		}
		elsewhere := cmds[0].Err()
		if !isElsewhere(elsewhere) {
			return nil
		}
		if last {
			return fmt.Errorf("redis: %w", elsewhere)
		}
		if err := c.nodes.moved(ctx, elsewhere); err != nil {
			return fmt.Errorf("redis: %w", err)
		}
	}
}

// scriptTime is how long each script that goes before another in the same round trip
// may take the server, with all that the other lanes ask of it.
const scriptTime = 100 * time.Microsecond

// run runs a script on the server that has its keys and returns the first error, be
// it the server's. The script's last argument is when it comes too late, by the
// server's clock, and is set when it is sent: nothing takes effect after the call has
// failed for want of time.
func (c *Client) run(ctx context.Context, s script, t traffic, keys []string, args ...any) (cmd *redis.Cmd, err error) {
	var over time.Time // when it comes too late
	var lost error     // what was written may be
	failed := c.on(ctx, keys[0], func(n *node) ([]redis.Cmder, error) {
		var failed error
		cmd, err = evaluate(ctx, s, func(ctx context.Context, cmd redis.Cmder) error {
			all := cmd.Args()
			k := &call{cmds: []redis.Cmder{cmd}, begin: func(before int) {
				patience := c.timeout + time.Duration(before)*scriptTime
				all[len(all)-1] = n.clock.deadline(patience)
				over = time.Now().Add(patience) // no sooner than that
			}}
			if failed = n.do(ctx, t, k); failed == nil {
				lost = k.replicated(c.replicas)
			}
			return failed
		}, keys, append(slices.Clip(args), 0)...)
		return []redis.Cmder{cmd}, failed
	})
	if errors.Is(failed, errNoReply) {
		// The connection may have broken early, and what was sent on it still arrive.
		// Whatever comes after this call must not be overtaken by it.
		pause(context.WithoutCancel(ctx), time.Until(over))
	}
	if failed == nil && err == nil {
		err = lost
	}
	return cmd, errors.Join(failed, err)
}
