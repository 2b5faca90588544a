package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// minSilence is after how long, at least, without a beat of a server in use the
	// subscription is given up. A beat may take as long as a call.
	minSilence = 3 * time.Second
	// watchEvery is how often that is looked at.
	watchEvery = 250 * time.Millisecond
	// beatMark begins a beat. No key contains it.
	beatMark = nul
)

// subscription is one connection on which the server sends the messages of all
// namespaces. It is received from directly: there is no buffer in this process that
// could run over, and one that runs over in the server breaks the connection.
type subscription struct {
	client *Client

	mu      sync.Mutex
	members map[string]*Bus      // by each of their channels
	pubsub  *redis.PubSub        // nil while there is none
	beats   map[string]time.Time // when the last one came, by the tag of the node

	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
}

func newSubscription(c *Client) *subscription {
	ctx, stop := context.WithCancel(context.Background())
	return &subscription{client: c, members: make(map[string]*Bus), ctx: ctx, stop: stop}
}

func (s *subscription) start() { s.running.Go(func() { s.receive(s.ctx) }) }

func (s *subscription) close() {
	s.stop()
	s.running.Wait()
}

// join has b receive the messages of its channels.
func (s *subscription) join(b *Bus) error {
	channels := []string{b.client.own(), b.client.changes()}
	s.mu.Lock()
	pubsub, taken := s.pubsub, s.members[channels[0]] != nil
	if !taken {
		s.members[channels[0]], s.members[channels[1]] = b, b
	}
	s.mu.Unlock()
	if taken {
		return fmt.Errorf("redis: there is a cache with the prefix %q", b.client.prefix)
	}
	if pubsub != nil && pubsub.Subscribe(s.ctx, channels...) != nil {
		_ = pubsub.Close() // the next one has these channels from the beginning
	}
	return nil
}

func (s *subscription) leave(b *Bus) {
	channels := []string{b.client.own(), b.client.changes()}
	s.mu.Lock()
	pubsub := s.pubsub
	if s.members[channels[0]] == b {
		delete(s.members, channels[0])
		delete(s.members, channels[1])
	}
	s.mu.Unlock()
	if pubsub != nil && channels[0] != s.client.beats() && pubsub.Unsubscribe(s.ctx, channels...) != nil {
		_ = pubsub.Close()
	}
}

func (s *subscription) member(channel string) *Bus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.members[channel]
}

// receive subscribes, again after each end, until ctx ends. It asks no server that is
// not used.
func (s *subscription) receive(ctx context.Context) {
	for wait := (backoff{}); s.client.Await(ctx) == nil; wait.pause(ctx) {
		if s.connection(ctx) {
			wait = backoff{}
		}
		s.mu.Lock()
		s.pubsub = nil
		members := slices.Collect(maps.Values(s.members))
		s.mu.Unlock()
		for _, b := range members {
			b.confirmed.own, b.confirmed.changes = false, false
			b.connected.Store(false)
		}
		s.client.nodes.suspect() // a server that has gone is known at once, not with the next beat
		for _, b := range members {
			b.wakes.callAll()
		}
	}
}

// connection passes on what arrives until the connection breaks or is silent for too
// long, or ctx ends. It reports whether it ever stood.
func (s *subscription) connection(ctx context.Context) (stood bool) {
	ctx, end := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer end()
	pubsub := s.client.rdb.Subscribe(ctx)
	defer func() { _ = pubsub.Close() }()
	defer context.AfterFunc(ctx, func() { _ = pubsub.Close() })() // ends a receive under way
	watching.Go(func() { s.watch(ctx, end) })
	if pubsub.Subscribe(ctx, s.begin(pubsub)...) != nil {
		return false
	}
	for {
		message, err := pubsub.ReceiveTimeout(ctx, 0)
		if err != nil {
			return stood
		}
		switch m := message.(type) {
		case *redis.Subscription:
			if !stood {
				s.client.writes.forget() // what was published before does not come any more
			}
			stood = true
			if b := s.member(m.Channel); b != nil && m.Kind == "subscribe" {
				b.confirm(m.Channel)
			}
		case *redis.Message:
			s.received(m)
		default: // a piece of a message, or nothing that we asked for
			return stood
		}
	}
}

// begin makes pubsub the one that later members join, and returns the channels of all.
func (s *subscription) begin(pubsub *redis.PubSub) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pubsub = pubsub
	channels := []string{s.client.beats()} // decides in a Cluster which server it is
	for channel := range s.members {
		if channel != channels[0] {
			channels = append(channels, channel)
		}
	}
	return channels
}

func (s *subscription) received(m *redis.Message) {
	if tag, isBeat := strings.CutPrefix(m.Payload, beatMark); isBeat && m.Channel == s.client.beats() {
		s.beat(tag)
	} else if b := s.member(m.Channel); b != nil {
		b.received(m.Channel, m.Payload)
	}
}

// watch calls end when a server that is used is silent for too long, or is not used
// any more: what it told meanwhile is lost.
func (s *subscription) watch(ctx context.Context, end context.CancelFunc) {
	s.mu.Lock()
	s.beats = make(map[string]time.Time)
	s.mu.Unlock()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for s.allBeat(s.client.nodes.tags(), time.Now()) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	end()
}

// allBeat reports whether each of the nodes has told something of late. A new one is
// given time.
func (s *subscription) allBeat(tags []string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for tag := range s.beats {
		if !slices.Contains(tags, tag) {
			return false
		}
	}
	for _, tag := range tags {
		if _, known := s.beats[tag]; !known {
			s.beats[tag] = now
		}
		if now.Sub(s.beats[tag]) > max(minSilence, 2*s.client.timeout) {
			return false
		}
	}
	return true
}

func (s *subscription) beat(tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.beats[tag]; known {
		s.beats[tag] = time.Now()
	}
}
