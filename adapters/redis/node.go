package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// lanesPerNode is how many connections carry commands to one server.
	lanesPerNode = 8
	// bulkLanes of them carry what is large, and leaseLanes what scripts do, so that
	// neither large values nor many reads hold up a renewal.
	bulkLanes, leaseLanes = 2, 3
	// waitLanes are there besides when writes wait for replicas, and largeWaitLanes of
	// them for large ones, so that nothing else waits.
	waitLanes, largeWaitLanes = 3, 1
)

// traffic is what shares lanes.
type traffic uint8

const (
	reads traffic = iota
	leases
	bulk
	writes // that wait for replicas
	bulkWrites
)

// of returns the lanes of that traffic.
func (t traffic) of(lanes []*lane) []*lane {
	switch t {
	case bulk:
		return lanes[:bulkLanes]
	case leases:
		return lanes[bulkLanes : bulkLanes+leaseLanes]
	case writes:
		return lanes[lanesPerNode+largeWaitLanes:]
	case bulkWrites:
		return lanes[lanesPerNode : lanesPerNode+largeWaitLanes]
	default:
		return lanes[bulkLanes+leaseLanes : lanesPerNode]
	}
}

// node is one server that is written to. It is used only while it does all that it
// is asked: a keeper connects, probes, opens the lanes, and closes them when a
// probe fails or is refused.
type node struct {
	client *Client
	rdb    *redis.Client
	beats  *redis.Client // the same with the patience of beats
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
	changed chan struct{} // closed by wake
}

// fault is why a server is not used.
type fault struct{ err error }

var (
	errConnecting = errors.New("redis: not connected yet")
	errClosed     = errors.New("redis: closed")
)

func newNode(ctx context.Context, c *Client, rdb *redis.Client, tag string) *node {
	ctx, stop := context.WithCancel(ctx)
	n := &node{
		client: c, rdb: rdb, beats: rdb.WithTimeout(max(beatTimeout, c.timeout)), tag: tag, look: make(chan struct{}, 1), running: &c.running, stop: stop, changed: make(chan struct{}),
	}
	n.fault.Store(&fault{errConnecting})
	for range lanesPerNode {
		n.lanes = append(n.lanes, &lane{node: n})
	}
	for range waitLanes {
		if c.replicas > 0 {
			n.lanes = append(n.lanes, &lane{node: n, waits: true})
		}
	}
	n.keeper = func() { n.keep(ctx) }
	return n
}

// start begins to use the server.
func (n *node) start() { n.running.Go(n.keeper) }

// do has commands carried out within the client's budget.
func (n *node) do(ctx context.Context, t traffic, c *call) error {
	budget := time.Now().Add(n.client.timeout)
	for {
		changed := n.changes()
		if f := n.fault.Load(); f != nil {
			return f.err
		}
		l := n.idlest(t)
		var err error
		if l == nil {
			err = await(ctx, changed, time.Until(budget))
		} else if err = l.do(ctx, c); err == nil || !errors.Is(err, errNotSent) {
			return err
		}
		if ctx.Err() != nil || !time.Now().Before(budget) {
			return err
		}
	}
}

// idlest returns a connected lane without a batch under way, else the one with the
// shortest queue, or nil.
func (n *node) idlest(t traffic) (best *lane) {
	lanes := t.of(n.lanes)
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

// wake wakes who waits for a lane: one has connected, or none will for a while.
func (n *node) wake() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.changed)
	n.changed = make(chan struct{})
}

// changes returns what the next wake closes.
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
		if n.connected() {
			return nil
		}
		if err := await(ctx, changed, connectTimeout); err != nil {
			return err
		}
	}
}

// connected reports whether there is a lane for all traffic.
func (n *node) connected() bool {
	for _, t := range []traffic{reads, leases, bulk, writes, bulkWrites} {
		if waits := t == writes || t == bulkWrites; waits && n.client.replicas == 0 {
			continue
		}
		if n.idlest(t) == nil {
			return false
		}
	}
	return true
}
