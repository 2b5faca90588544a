package prove

// Scenario is one kind of trouble, and what is promised in it.
type Scenario struct {
	Name    string
	Promise string
	play    func(*stage)
}

// Scenarios returns all there are.
func Scenarios() []Scenario {
	return []Scenario{
		{"storm", "a key that is cached nowhere is loaded once, however many ask for it", storm},
		{"failing-source", "a load that fails is one call, which all share, and is not repeated at once", failingSource},
		{"hung-source", "a source that hangs delays nobody for longer than its timeout, and nothing else", hungSource},
		{"killed-holder", "another instance takes over a load whose instance is killed", killedHolder},
		{"paused-holder", "a load that was stopped past its lease brings nothing old back", pausedHolder},
		{"silent-bus", "an instance whose invalidations stop coming notices, and serves nothing old", silentBus},
		{"slow-network", "a Redis 20 ms away is used as one near by is", slowNetwork},
		{"late-reply", "a lock that was won too late is given back", lateReply},
		{"redis-killed", "without Redis, memory answers and each instance loads a key once; all recovers by itself", redisKilled},
		{"failover", "a failover loses no write that the replica had to have, and needs nobody's help", failover},
		{"purge-during-load", "what is deleted or purged during a load is not brought back by it", purgeDuringLoad},
	}
}
