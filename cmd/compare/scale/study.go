package main

// study asks fleets about the traffic of a command line.
type study struct {
	config
	traffic *traffic // the last that was asked about
	known   map[question]outcome
}

type question struct {
	rate, instances, l1 int
}

func (c config) study() *study { return &study{config: c, known: make(map[question]outcome)} }

// ask returns what so many requests a second come to. It remembers what it was
// asked before.
func (s *study) ask(q question) outcome {
	if o, ok := s.known[q]; ok {
		return o
	}
	if s.traffic == nil || s.traffic.rate != q.rate {
		d := s.demand
		d.rate = q.rate
		s.traffic = d.traffic()
	}
	f := fleet{instances: q.instances, l1: q.l1, l2: s.l2}
	if f.l2 == 0 {
		f.l2 = noBound
	}
	s.known[q] = f.serve(s.traffic)
	return s.known[q]
}

// middle returns the middle one of some numbers.
func middle(numbers []int) int { return numbers[len(numbers)/2] }
