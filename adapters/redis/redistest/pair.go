package redistest

import "strconv"

// Pair is a master and its replica, as of the last failover that was waited for.
type Pair struct {
	Master, Replica *Server
	between         *cable // nil when they are connected directly
}

// KillMaster kills the master and waits until the replica has taken its place.
func (p *Pair) KillMaster() {
	p.Master.t.Helper()
	p.Master.Kill()
	p.AwaitFailover()
}

// AwaitFailover waits until the replica is the master.
func (p *Pair) AwaitFailover() {
	p.Replica.t.Helper()
	p.Replica.await("role:master", "INFO", "replication")
	p.Master, p.Replica = p.Replica, p.Master
}

// AwaitInStep waits until the replica follows the master.
func (p *Pair) AwaitInStep() {
	p.Replica.t.Helper()
	p.Replica.await("master_link_status:up", "INFO", "replication")
	p.Master.await("state=online", "INFO", "replication")
}

// StartPair starts a master and its replica, which nobody promotes but Promote.
func StartPair(t T) *Pair {
	t.Helper()
	master := Start(t)
	p := &Pair{Master: master, between: startCable(t, master.Addr())}
	p.Replica = Start(t, Args("--replicaof", "127.0.0.1", p.between.port()))
	p.AwaitInStep()
	return p
}

// Hold holds up what the master sends to the replica of a StartPair.
func (p *Pair) Hold() { p.between.hold() }

// Release lets it pass.
func (p *Pair) Release() { p.between.release() }

// Promote kills the master, with what has not reached the replica, and makes the
// replica the master.
func (p *Pair) Promote() {
	p.Replica.t.Helper()
	p.between.Cut()
	p.Master.Kill()
	p.Replica.Command("REPLICAOF", "NO", "ONE")
	p.AwaitFailover()
}

func startPair(t T) Pair {
	t.Helper()
	master := Start(t)
	p := Pair{Master: master, Replica: Start(t, Args("--replicaof", "127.0.0.1", strconv.Itoa(master.port)))}
	p.AwaitInStep()
	return p
}
