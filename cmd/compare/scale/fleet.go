package main

// fleet says who answers.
type fleet struct {
	instances int
	l1        int // entries each
	l2        int
}

// outcome is what requests came to, each second.
type outcome struct {
	requests float64
	l1Hits   float64
	reads    float64 // of L2, by requests that L1 did not answer
	loads    float64 // calls of the source
}

// hitRatio is that of L1.
func (o outcome) hitRatio() float64 { return o.l1Hits / o.requests }

// callsPerLoad is what Redis is asked for a load beside the read that found
// nothing: to take the lease, to read again, to fill.
const callsPerLoad = 3

// calls is all that Redis is asked.
func (o outcome) calls() float64 { return o.reads + callsPerLoad*o.loads }

// layers are the caches of a fleet, and count since the warm-up.
type layers struct {
	l1 []*layer
	l2 *layer
	outcome
}

func (f fleet) open(begun []due) *layers {
	s := &layers{l2: newLayer(f.l2)}
	for range f.instances {
		s.l1 = append(s.l1, newLayer(f.l1))
	}
	for _, b := range begun {
		s.l2.set(b.key, b.deadline, 0)
	}
	return s
}

// serve returns what t comes to with the fleet.
func (f fleet) serve(t *traffic) outcome {
	s := f.open(t.begun)
	ttl, first := t.ttl.Seconds(), len(t.key)*warmup/(warmup+measured)
	for i, key := range t.key {
		if i == first {
			s.outcome = outcome{}
		}
		s.request(key, s.l1[t.whose[i]%uint32(f.instances)], t.at[i], ttl)
	}
	seconds := t.at[len(t.at)-1] - t.at[first-1]
	o := s.outcome
	return outcome{o.requests / seconds, o.l1Hits / seconds, o.reads / seconds, o.loads / seconds}
}

// request answers one request. A copy from L2 has the life that it has left there.
func (s *layers) request(key uint32, l1 *layer, now, ttl float64) {
	s.requests++
	if _, hit := l1.get(key, now); hit {
		s.l1Hits++
		return
	}
	s.reads++
	deadline, hit := s.l2.get(key, now)
	if !hit {
		s.loads++
		deadline = now + ttl
		s.l2.set(key, deadline, now)
	}
	l1.set(key, deadline, now)
}
