package httpapi

import (
	"sync"
	"sync/atomic"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// budget is a number of bytes that many share. Nobody waits for a part of it.
type budget struct {
	limit int64
	taken atomic.Int64
}

// take takes n bytes, if there are as many, and reports whether it did.
func (b *budget) take(n int64) bool {
	if b.taken.Add(n) > b.limit {
		b.taken.Add(-n)
		return false
	}
	return true
}

func (b *budget) giveBack(n int64) { b.taken.Add(-n) }

// held counts the values that answers under way keep in memory although L1 may have
// dropped them. Each counts once, however many answers have it.
type held struct {
	limit int64

	mu      sync.Mutex
	bytes   int64
	answers map[*domain.Entry]int
}

func newHeld(limit int64) *held {
	return &held{limit: limit, answers: make(map[*domain.Entry]int)}
}

// take counts one more answer with e, and reports whether there is room for it
// below the limit less what is to be spared. The caller calls giveBack if so.
func (h *held) take(e *domain.Entry, spared int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, counted := h.answers[e]
	if !counted {
		size := int64(e.Size())
		if h.bytes+size > h.limit-spared {
			return false
		}
		h.bytes += size
	}
	h.answers[e] = n + 1
	return true
}

func (h *held) giveBack(e *domain.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers[e]--
	if h.answers[e] == 0 {
		delete(h.answers, e)
		h.bytes -= int64(e.Size())
	}
}

// smallValue is up to which size a value that is written alone is not counted: the
// limit on connections bounds those.
const smallValue = 16 << 10

// mayWrite reports whether an answer with e may be written. Its caller calls
// answered afterwards.
func (a *API) mayWrite(e *domain.Entry) bool { return e.Size() <= smallValue || a.held.take(e, 0) }

func (a *API) answered(e *domain.Entry) {
	if e.Size() > smallValue {
		a.held.giveBack(e)
	}
}

// admission lets values into the answer to one batch.
type admission struct {
	held *held

	mu      sync.Mutex
	left    int64 // bytes
	refused error // once, and for all that come later
	values  []*domain.Entry
}

// admit counts e for one more place in the answer. It returns
// domain.ErrAnswerTooLarge when the answer is full, and domain.ErrOverloaded when
// all answers together are.
func (b *admission) admit(e *domain.Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.refused != nil:
	case int64(len(e.Body())) > b.left:
		b.refused = domain.ErrAnswerTooLarge
	case !b.held.take(e, b.held.limit/answersBatches):
		b.refused = domain.ErrOverloaded
	default:
		b.left -= int64(len(e.Body()))
		b.values = append(b.values, e)
	}
	return b.refused
}

// release is called when the answer has been written.
func (b *admission) release() {
	for _, e := range b.values {
		b.held.giveBack(e)
	}
}
