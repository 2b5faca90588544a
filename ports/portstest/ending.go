package portstest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func endingContracts() []contract {
	return []contract{
		{says: "waiters receive the kind of a failure, whether it cools down or not", check: waitersReceiveFailure},
		{says: "waiters receive an entry without TTL that is filled, and nothing is stored", check: waitersReceiveFill},
		{says: "waiters receive the entry of a release, and what is stored stays", check: waitersReceiveRelease},
		{says: "waiters receive entries up to the bound, and learn that a larger one is unshared", check: waitersReceiveNoLarge},
		{says: "waiters receive nothing of an ending that is refused", check: waitersReceiveNoRefused},
	}
}

// release wins the lease of k, has others wait for it, and releases it with e.
func (b *bench) release(k domain.Key, e ports.Ending) *calls {
	b.Helper()
	lease := b.win(b.A, k)
	waiting := b.await(k, 10, b.A, b.B)
	require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, e))
	return waiting
}

func waitersReceiveFailure(b *bench) {
	k := b.key("k")
	for _, c := range []struct{ failure, kind error }{
		{domain.ErrSourceFailed, domain.ErrSourceFailed},
		{errors.New("boom"), domain.ErrSourceFailed},
		{fmt.Errorf("%w after %v", domain.ErrTimeout, time.Second), domain.ErrTimeout},
		{domain.ErrWithdrawn, domain.ErrWithdrawn},
		{domain.ErrSourceTooLarge, domain.ErrSourceTooLarge},
	} {
		b.release(k, ports.Ending{Failure: c.failure}).end(ports.Ending{Failure: c.kind})
		b.free(k)
		b.release(k, ports.Ending{Failure: c.failure, Cooldown: cooldown}).end(ports.Ending{Failure: c.kind})
		b.refused(k, c.kind)
		b.Advance(cooldown)
	}
}

// notStored are entries of all kinds without TTL.
func notStored() []*domain.Entry {
	return []*domain.Entry{
		lifeless(),
		domain.NewMissing(0, 0),
		domain.NewEntry(domain.Value{Body: "hello", ContentType: "text/plain; charset=utf-8"}, 0, 1234*time.Millisecond),
		domain.NewEntry(domain.Value{Body: allBytes()}, 0, 0),
		domain.NewEntry(domain.Value{}, 0, 0).Kept(time.Minute),
	}
}

func waitersReceiveFill(b *bench) {
	for i, e := range notStored() {
		k := b.key(fmt.Sprint("{k}", i))
		b.fill(b.B, k, value("old"))
		lease := b.win(b.A, k)
		waiting := b.await(k, 10, b.A, b.B)
		require.NoError(b, b.A.L2.Fill(b.soon(), k, e, lease))
		waiting.end(ports.Ending{Entry: e})
		b.lacks(k)
		b.free(k)
	}
}

func waitersReceiveRelease(b *bench) {
	k := b.key("k")
	b.fill(b.B, k, value("old"))
	for _, e := range notStored() {
		b.release(k, ports.Ending{Entry: e}).end(ports.Ending{Entry: e})
		b.holds(k, value("old"))
		b.free(k)
	}
	b.release(k, ports.Ending{Unshared: true}).end(ports.Ending{Unshared: true})
}

// ofForm returns an entry without TTL whose stored form has so many bytes.
func (b *bench) ofForm(bytes int) *domain.Entry {
	b.Helper()
	body := bytes
	for range 3 { // the form has the length of the body in it
		e := domain.NewEntry(domain.Value{Body: strings.Repeat("x", body)}, 0, 0)
		got := len(domain.AppendStored(nil, e))
		if got == bytes {
			return e
		}
		body += bytes - got
	}
	require.FailNow(b, "no entry has such a form")
	return nil
}

func waitersReceiveNoLarge(b *bench) {
	k := b.key("k")
	for bytes, want := range map[int]func(*domain.Entry) ports.Ending{
		ports.LargeBytes:     func(e *domain.Entry) ports.Ending { return ports.Ending{Entry: e} },
		ports.LargeBytes + 1: func(*domain.Entry) ports.Ending { return ports.Ending{Unshared: true} },
		900_000:              func(*domain.Entry) ports.Ending { return ports.Ending{Unshared: true} },
	} {
		e := b.ofForm(bytes)
		lease := b.win(b.A, k)
		waiting := b.await(k, 2, b.A, b.B)
		require.NoError(b, b.A.L2.Fill(b.soon(), k, e, lease))
		waiting.end(want(e))
		b.lacks(k)
		b.release(k, ports.Ending{Entry: e}).end(want(e))
	}
}

func waitersReceiveNoRefused(b *bench) {
	k := b.key("k")
	b.fill(b.A, k, value("old"))
	lease := b.win(b.A, k)
	waiting := b.await(k, 1, b.A, b.B)
	forged := ports.Lease{Token: "forged"}
	require.ErrorIs(b, b.B.L2.Fill(b.soon(), k, lifeless(), forged), domain.ErrLeaseLost)
	require.ErrorIs(b, b.B.Locker.Release(b.soon(), k, forged, ports.Ending{Entry: lifeless()}), domain.ErrLeaseLost)
	waiting.wait(rest)
	b.holds(k, value("old"))
	require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, ports.Ending{}))
	waiting.end(ports.Ending{})
}
