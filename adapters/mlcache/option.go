package mlcache

import (
	"errors"
	"fmt"
	"reflect"
)

// Option is a setting of New, NewBatch, NewFrom, Connect or Fake. Each says what it is
// when it is not given. A value that is out of range, an option of another function,
// and two that contradict each other are errors there.
type Option struct {
	name  string
	text  string // with its value, for errors: shows no secret
	value any    // by which it is compared with another of the same name
	takes taker  // who takes it
	wrong string // what is wrong with it, empty if nothing is
	set   func(*settings)
}

// taker is one of those that take options, or several.
type taker uint8

const (
	byNew taker = 1 << iota
	byNewBatch
	byNewFrom
	byFake
	byConnect

	byCaches     = byNew | byNewBatch | byNewFrom | byFake
	byConnecting = byNew | byNewBatch | byNewFrom | byConnect
)

func (t taker) String() string {
	names := map[taker]string{byNew: "New", byNewBatch: "NewBatch", byNewFrom: "NewFrom", byFake: "Fake", byConnect: "Connect"}
	return names[t]
}

// option returns one for caches, whose value is not secret.
func option(name string, value any, set func(*settings)) Option {
	return Option{name: name, text: fmt.Sprintf("%s(%v)", name, value), value: value, takes: byCaches, set: set}
}

// by returns the option as one for others.
func (o Option) by(t taker) Option {
	o.takes = t
	return o
}

// shown returns the option with another text.
func (o Option) shown(text string) Option {
	o.text = o.name + "(" + text + ")"
	return o
}

// unless returns the option as one that is wrong unless it holds.
func (o Option) unless(holds bool, rule string) Option {
	if !holds {
		o.wrong = rule
	}
	return o
}

// same reports whether both say the same. Of functions nobody can tell.
func (o Option) same(other Option) bool {
	kind := reflect.TypeOf(o.value)
	return kind != nil && kind == reflect.TypeOf(other.value) && kind.Comparable() && o.value == other.value
}

// isWhere reports whether the option says where the second layer is. One does at most.
func (o Option) isWhere() bool { return o.name == "Redis" || o.name == "Dir" || o.name == "On" }

// settle returns s as options change it for the function that takes them.
func settle(by taker, s *settings, options []Option) (*settings, error) {
	given := make(map[string]Option)
	var where Option
	var errs []error
	for _, o := range options {
		before, twice := given[o.name]
		switch {
		case o.set == nil:
			errs = append(errs, errors.New("mlcache: an Option is empty"))
			continue
		case o.takes&by == 0:
			errs = append(errs, fmt.Errorf("mlcache: %s is not an option of %v", o.text, by))
		case o.wrong != "":
			errs = append(errs, fmt.Errorf("mlcache: %s: %s", o.text, o.wrong))
		case twice && !o.same(before):
			errs = append(errs, fmt.Errorf("mlcache: %s and %s contradict each other", before.text, o.text))
		case o.isWhere() && where.set != nil && where.name != o.name:
			errs = append(errs, fmt.Errorf("mlcache: %s and %s contradict each other: there is one second layer", where.text, o.text))
		}
		given[o.name] = o
		if o.isWhere() {
			where = o
		}
		o.set(s)
	}
	if timeout, is := given["RedisTimeout"]; is && where.name != "Redis" {
		errs = append(errs, fmt.Errorf("mlcache: %s says nothing without Redis", timeout.text))
	}
	return s, errors.Join(errs...)
}
