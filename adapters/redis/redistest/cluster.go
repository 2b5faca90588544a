package redistest

import (
	"strconv"
	"strings"
)

const (
	masters = 3 // the least that can fail over
	slots   = 16384
)

// Cluster is a Redis Cluster of three masters with a replica each, which is
// promoted some seconds after its master went silent. In between, the whole
// Cluster refuses what concerns keys, as it does unless configured otherwise.
type Cluster struct {
	t     T
	pairs []*Pair
}

// StartCluster starts a Cluster and waits until it can be used. See Start about
// a machine without Redis.
func StartCluster(t T) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for range masters {
		c.pairs = append(c.pairs, &Pair{Master: startNode(t), Replica: startNode(t)})
	}
	c.meet()
	c.shareOut()
	for _, n := range c.Nodes() {
		n.awaitThat(func(nodes string) bool {
			return strings.Count(nodes, "slave ") == masters && !strings.Contains(nodes, "handshake")
		}, "CLUSTER", "NODES")
		n.await("cluster_state:ok", "CLUSTER", "INFO")
	}
	return c
}

func startNode(t T) *Server {
	t.Helper()
	return Start(t, Args(
		"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(FreePort(t)),
		"--cluster-node-timeout", strconv.FormatInt(silence.Milliseconds(), 10), "--cluster-replica-validity-factor", "0",
	))
}

// meet makes the nodes one Cluster.
func (c *Cluster) meet() {
	c.t.Helper()
	nodes := c.Nodes()
	for i, n := range nodes {
		n.Command("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1)) // else they quarrel about it first
	}
	for _, n := range nodes {
		_, bus, _ := strings.Cut(n.Command("CONFIG", "GET", "cluster-port"), "\n")
		for _, other := range nodes {
			other.Command("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(n.port), bus)
		}
	}
}

// shareOut gives each master its part of the slots, and its replica.
func (c *Cluster) shareOut() {
	c.t.Helper()
	for i, p := range c.pairs {
		first, next := i*slots/masters, (i+1)*slots/masters
		p.Master.Command("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(next-1))
		p.Replica.await("OK", "CLUSTER", "REPLICATE", p.Master.Command("CLUSTER", "MYID"))
		p.AwaitInStep()
	}
}

// Nodes returns the masters and the replicas.
func (c *Cluster) Nodes() []*Server {
	all := make([]*Server, 0, 2*masters)
	for _, p := range c.pairs {
		all = append(all, p.Master, p.Replica)
	}
	return all
}

// URL returns the addresses of all nodes, with commas between.
func (c *Cluster) URL() string {
	addrs := make([]string, 0, 2*masters)
	for _, n := range c.Nodes() {
		addrs = append(addrs, n.Addr())
	}
	return "redis://" + strings.Join(addrs, ",")
}

// Masters returns the three masters.
func (c *Cluster) Masters() []*Server {
	all := make([]*Server, 0, masters)
	for _, p := range c.pairs {
		all = append(all, p.Master)
	}
	return all
}

// Of returns the master that holds a Redis key, and its replica.
func (c *Cluster) Of(key string) *Pair {
	c.t.Helper()
	slot, err := strconv.Atoi(c.pairs[0].Master.Command("CLUSTER", "KEYSLOT", key))
	must(c.t, err)
	i := 0
	for slot >= (i+1)*slots/masters {
		i++
	}
	return c.pairs[i]
}
