package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// lanesPerNode is how many connections carry commands to one server.
	lanesPerNode = 8
	// bulkLanes of them carry what is large, so that it holds up nothing else.
	bulkLanes = 2

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

// node is one server that is written to. It is used only while it does all that it
// is asked: a keeper connects, probes, opens the lanes, and closes them when a
// probe fails or is refused.
type node struct {
	client *Client
	rdb    *redis.Client
	// tag names a key that the server has, of all those in a Cluster.
	tag     string
	lanes   []*lane
	turn    atomic.Uint32
	clock   serverClock
	fault   atomic.Pointer[fault] // why it is not used; nil while it is
	look    chan struct{}         // asks the keeper to probe now
	running *sync.WaitGroup       // of the client
	keeper  func()
	stop    context.CancelFunc

	mu      sync.Mutex
	runID   string        // of the server, "" before it is known
	changed chan struct{} // closed when a lane has connected
}

// fault is why a server is not used.
type fault struct{ err error }

var (
	errConnecting = errors.New("redis: not connected yet")
	errClosed     = errors.New("redis: closed")
	errOtherRunID = errors.New("the address leads to another server now")
)

func newNode(ctx context.Context, c *Client, rdb *redis.Client, tag string) *node {
	ctx, stop := context.WithCancel(ctx)
	n := &node{
		client: c, rdb: rdb, tag: tag, look: make(chan struct{}, 1), running: &c.running, stop: stop, changed: make(chan struct{}),
	}
	n.fault.Store(&fault{errConnecting})
	for range lanesPerNode {
		n.lanes = append(n.lanes, &lane{node: n})
	}
	n.keeper = func() { n.keep(ctx) }
	return n
}

// start begins to use the server.
func (n *node) start() { n.running.Go(n.keeper) }

// keep uses the server whenever it can be used, until ctx ends.
func (n *node) keep(ctx context.Context) {
	for wait := (backoff{}); ctx.Err() == nil; wait.pause(ctx) {
		conn, err := n.connect(ctx)
		if err == nil {
			if err = n.probe(ctx, conn); err == nil {
				wait = backoff{}
				conn, err = n.serve(ctx, conn)
			}
			_ = conn.Close()
		}
		n.out(ctx, err)
	}
	n.fault.Store(&fault{errClosed})
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
			next, err := n.connect(ctx)
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
func (n *node) connect(ctx context.Context) (*redis.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn := n.rdb.EphemeralConn()
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
		return "", errors.New("INFO does not tell the run_id")
	}
	if _, isSingle := n.client.nodes.(single); isSingle && mode == "cluster" {
		return "", errors.New("the server is one of a Cluster: name at least two of its addresses")
	}
	return id, nil
}

// probe does on conn all that is asked of the server otherwise.
func (n *node) probe(ctx context.Context, conn *redis.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, max(beatTimeout, n.client.timeout))
	defer cancel()
	names := probeNames(n.client.prefix, n.client.id, n.tag)
	asked := time.Now()
	cmd, err := evaluate(ctx, probeScript, conn.Process, names, func() []any {
		return []any{n.client.own(), beatMark + n.tag}
	})
	if err != nil {
		return err
	}
	at, err := cmd.Int64()
	if err != nil {
		return err
	}
	n.clock.set(asked, time.Now(), at)
	life, value := conn.PTTL(ctx, names[0]), conn.Get(ctx, names[0])
	if err := life.Err(); err != nil {
		return err
	}
	if err := value.Err(); err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	return nil
}

// do has commands carried out within the client's budget.
func (n *node) do(ctx context.Context, bulk bool, cmds []redis.Cmder) error {
	budget := time.Now().Add(n.client.timeout)
	for {
		changed := n.changes()
		if f := n.fault.Load(); f != nil {
			return f.err
		}
		l := n.idlest(bulk)
		var err error
		if l == nil {
			err = await(ctx, changed, time.Until(budget))
		} else if err = l.do(ctx, cmds); err == nil || !errors.Is(err, errNotSent) {
			return err
		}
		if ctx.Err() != nil || time.Now().After(budget) {
			return err
		}
	}
}

// idlest returns a connected lane without a batch under way, else the one with the
// shortest queue, or nil.
func (n *node) idlest(bulk bool) (best *lane) {
	lanes := n.lanes[bulkLanes:]
	if bulk {
		lanes = n.lanes[:bulkLanes]
	}
	first, shortest := int(n.turn.Add(1)), 0
	for i := range lanes {
		l := lanes[(first+i)%len(lanes)]
		queued, connected := l.load()
		if connected && (best == nil || queued < shortest) {
			best, shortest = l, queued
		}
		if best != nil && shortest == 0 {
			break
		}
	}
	return best
}

// connected wakes who waits for a lane.
func (n *node) connected() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.changed)
	n.changed = make(chan struct{})
}

// changes returns what is closed when the next lane has connected.
func (n *node) changes() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

// await waits until something happened.
func await(ctx context.Context, happened <-chan struct{}, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-happened:
		return nil
	case <-timer.C:
		return errNotSent
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errNotSent, context.Cause(ctx))
	}
}

// awaitLanes waits until every kind of lane is connected.
func (n *node) awaitLanes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for {
		changed := n.changes()
		if n.idlest(false) != nil && n.idlest(true) != nil {
			return nil
		}
		if err := await(ctx, changed, connectTimeout); err != nil {
			return err
		}
	}
}

// backoff is the pause between tries, which doubles.
type backoff struct{ next time.Duration }

const (
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
)

func (b *backoff) pause(ctx context.Context) {
	b.next = min(max(firstPause, 2*b.next), longestPause)
	pause(ctx, jittered(b.next))
}

// jittered returns d, give or take a fifth, so that instances do not act in step.
func jittered(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5) }

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
