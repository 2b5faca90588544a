package portstest

import (
	"slices"
	"testing"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Layer is a kind of second layer, put to the test.
type Layer struct {
	// Open starts an empty server with these limits and closes it with t. It
	// takes values of up to 1 MiB.
	Open func(t *testing.T, l Limits) Harness

	// Run wraps each test whole, Open included: synctest.Test for a layer that
	// lives in one process. Nil calls the test directly, in real time.
	Run func(t *testing.T, test func(t *testing.T))

	// Alone says that the server lives in one process: the instances of a harness
	// are the same one, and its bus has nobody to tell. Only Bus asks.
	Alone bool
}

// Limits is what a server is opened with. They are long, so that nothing runs out
// by itself: what has to be over is made older.
type Limits struct{ LockTTL time.Duration }

// Instance is the server as one instance of the service sees it.
type Instance struct {
	L2     ports.L2Store
	Locker ports.Locker
	// Bus may be nil for L2AndLocker. Nobody listens to it yet, and it is
	// connected when Open returns.
	Bus    ports.Bus
	Purger ports.Purger
	Hot    ports.HotList
}

// Harness is one server seen by two instances of the service.
type Harness struct {
	// A and B share the server. Within one process they may be the same.
	A, B Instance

	// Advance makes everything that is stored d older: values, leases and
	// cool-downs.
	Advance func(d time.Duration)

	// Waiting returns how many Awaits of key wait for its lease, on both
	// instances together. It may be nil where Run makes time virtual: there all
	// wait that can.
	Waiting func(key domain.Key) int

	// Corrupt puts raw in the place of the stored form of key, with the life
	// that it had or, if it was not stored, a minute.
	Corrupt func(key domain.Key, raw string)
}

// L2AndLocker checks the contracts of ports.L2Store and ports.Locker as kept by
// one server, on which values, leases and wakes are one protocol.
func L2AndLocker(t *testing.T, layer Layer) {
	layer.check(t, storeContracts(), fenceContracts(), leaseContracts(), waitContracts(), endingContracts(), failureContracts(), writeContracts(), versionContracts(), purgeContracts(), hotContracts())
}

func (layer Layer) check(t *testing.T, groups ...[]contract) {
	run := layer.Run
	if run == nil {
		run = func(t *testing.T, test func(t *testing.T)) { test(t) }
	}
	for _, c := range slices.Concat(groups...) {
		t.Run(c.says, func(t *testing.T) {
			run(t, func(t *testing.T) {
				l := Limits{LockTTL: time.Hour}
				c.check(&bench{T: t, Limits: l, Harness: layer.Open(t, l)})
			})
		})
	}
}

// contract is one sentence of a contract and the check that it holds.
type contract struct {
	says  string
	check func(b *bench)
}
