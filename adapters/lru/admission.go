package lru

type admission struct {
	sketch   sketch
	rivals   []rival
	round    uint32
	lifetime uint32
	balance  int
	on       bool
}

type rival struct {
	hash  uint32
	other uint32
	round uint32
	says  int8
}

var (
	dAlways     = 0
	nRivals     = 256
	lifetimeX   = 2
	shiftB      = 5
	onAt, offAt = 64, 0
)

func newAdmission(n int) *admission {
	return &admission{sketch: newSketch(n), rivals: make([]rival, nRivals), lifetime: uint32(lifetimeX * max(n, 8))}
}

func (a *admission) requested(hash uint32) {
	a.sketch.add(hash)
	r := &a.rivals[hash%uint32(len(a.rivals))]
	if r.says != 0 && r.hash == hash {
		a.balance += int(r.says)*256 - a.balance>>shiftB
		lim := 256 << shiftB
		switch {
		case a.balance > lim*onAt/256:
			a.on = true
		case a.balance < lim*offAt/256:
			a.on = false
		}
		a.clear(r)
	}
}
func (a *admission) clear(r *rival) {
	a.rivals[r.other].says = 0
	r.says = 0
}

func (a *admission) admits(newcomer, incumbent uint32) bool {
	a.round++
	if a.sketch.count(newcomer) > a.sketch.count(incumbent) {
		return true
	}
	a.watch(newcomer, incumbent)
	return !a.on && dAlways == 0
}

func (a *admission) watch(newcomer, incumbent uint32) {
	m := uint32(len(a.rivals))
	n, i := newcomer%m, incumbent%m
	if n == i {
		return
	}
	for _, at := range []uint32{n, i} {
		r := &a.rivals[at]
		if r.says != 0 {
			if a.round-r.round < a.lifetime {
				return
			}
			a.clear(r)
		}
	}
	a.rivals[n] = rival{newcomer, i, a.round, -1}
	a.rivals[i] = rival{incumbent, n, a.round, 1}
}
