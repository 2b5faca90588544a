package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tiny workloads take milliseconds.
var tiny = sizes{Capacity: 1000, Keys: 5000, Requests: 4096, BenchTime: time.Millisecond, Entries: 2000}

func TestEachCandidateReturnsTheValuesOfTheirKeys(t *testing.T) {
	for _, c := range candidates() {
		t.Run(c.name, func(t *testing.T) {
			r, err := job{jobSpeed, c.name, tiny, []int{1, 4}}.do(candidates())
			require.NoError(t, err)
			if c.floor {
				require.Len(t, r.Figures, 1, "gets of one goroutine")
				return
			}
			require.Len(t, r.Figures, 8)
			for _, f := range r.Figures {
				assert.Positive(t, f.Nanos, f.Workload)
				if f.Workload == get {
					assert.Greater(t, f.Hits, 0.9)
				}
			}
		})
	}
}

func TestMemoryIsMeasuredOfEachCandidate(t *testing.T) {
	for _, c := range candidates() {
		r, err := job{Kind: jobMemory, Candidate: c.name, Sizes: tiny}.do(candidates())
		require.NoError(t, err, c.name)
		assert.Positive(t, r.Memory.Held, c.name)
		assert.Positive(t, r.Memory.Collect, c.name)
	}
}

// altered is a cache of ours that goes wrong.
type altered struct {
	cache
	get func(c cache, i int32) (value, bool)
}

func (a altered) Get(i int32) (value, bool) { return a.get(a.cache, i) }

func withGet(get func(c cache, i int32) (value, bool)) candidate {
	c := candidates()[0]
	c.new = func(l limits, d *data) (cache, error) {
		good, err := newPlain(l, d)
		return altered{good, get}, err
	}
	return c
}

func TestAValueOfAnotherKeyIsReported(t *testing.T) {
	other := withGet(func(c cache, i int32) (value, bool) { return c.Get(max(0, i-1)) })
	empty := withGet(func(c cache, i int32) (value, bool) {
		_, ok := c.Get(i)
		return value{}, ok
	})
	for _, wrong := range []candidate{other, empty} {
		for _, kind := range []string{jobSpeed, jobChecks} {
			_, err := job{kind, wrong.name, tiny, []int{2}}.do([]candidate{wrong})
			assert.ErrorContains(t, err, "ours, "+kind+": ")
			assert.ErrorContains(t, err, "values are not those of their keys, as for \"key-")
		}
	}
}

func TestAValueIsComparedInFull(t *testing.T) {
	good := []byte(name(7) + filler)
	assert.True(t, value{bytes: good}.belongsTo(7))
	assert.False(t, value{bytes: good}.belongsTo(8))
	assert.False(t, value{bytes: good[:31]}.belongsTo(7))
	assert.False(t, value{bytes: append([]byte(name(7)), "=sixteen bytes.?"...)}.belongsTo(7))
	d := newData([]int32{7}, asNames)
	assert.True(t, value{entry: d.entries[0]}.belongsTo(7))
	assert.False(t, value{entry: d.entries[0]}.belongsTo(1))
	assert.Equal(t, "key-000000000042", name(42))
}

func TestEachRoundBeginsWithAnotherCPUAndChecksAreDoneOnce(t *testing.T) {
	c := config{cpus: []int{1, 2}, rounds: 3, parts: []string{jobSpeed, jobChecks}, sizes: tiny}
	chosen := candidates()
	var cpus [][]int
	checks := 0
	_, err := c.compare(t.Context(), chosen, io.Discard, func(j job, _ context.Context) (report, error) {
		if j.Kind == jobChecks {
			checks++
		} else {
			cpus = append(cpus, j.CPUs)
		}
		return report{}, nil
	})
	require.NoError(t, err)
	require.Len(t, cpus, 3*len(chosen))
	assert.Equal(t, []int{1, 2}, cpus[0])
	assert.Equal(t, []int{2, 1}, cpus[len(chosen)])
	assert.Equal(t, len(chosen)-1, checks, "of all but the bare map")
}

func TestAJobIsHandedOverAsText(t *testing.T) {
	order, err := json.Marshal(job{Kind: jobChecks, Candidate: "ours", Sizes: tiny})
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{childFlag, string(order)}, &out, io.Discard))
	var r report
	require.NoError(t, json.Unmarshal([]byte(out.String()), &r))
	assert.Equal(t, tiny.Capacity, r.Promises.Sets)
	assert.Zero(t, r.Promises.LostFresh+r.Promises.LostFull+r.Promises.Left)
	assert.LessOrEqual(t, r.Promises.Most, tiny.Capacity)
}

func TestArgumentsAreRefusedByName(t *testing.T) {
	for args, want := range map[string]string{
		"-cpu 1,0":       `invalid value "1,0" for flag -cpu: "0" is not a whole number from 1 up`,
		"-rounds 0":      "-rounds is 0, must be at least 1",
		"-format csv":    `invalid value "csv" for flag -format: must be text or markdown`,
		"-parts speed,x": `-parts has "x", must be one or several of speed,interned,memory,checks`,
		"-benchtime 0s":  "-benchtime is 0s, must be more than 0",
		"-requests 1":    "-requests is 1, must be at least 256",
		"-capacity 10":   "-capacity and -entries must be at least 1000, -keys not below -capacity, and none above 2^28",
		"-only (":        "-only: error parsing regexp: missing closing ): `(`",
		"more":           `unexpected argument "more"`,
		"-job {}":        `there is no candidate ""`,
	} {
		assert.EqualError(t, run(t.Context(), strings.Fields(args), io.Discard, io.Discard), want, args)
	}
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, io.Discard, io.Discard), flag.ErrHelp)
}

func TestOursIsAlwaysCompared(t *testing.T) {
	chosen, err := choose(candidates(), "^(otter|theine)$")
	require.NoError(t, err)
	require.Len(t, chosen, 3)
	assert.Equal(t, "ours", chosen[0].name)
}

func TestInternedDataBringOneStringAndOneValueForEachKey(t *testing.T) {
	for _, f := range []form{asKeys, asNames, asBytes} {
		own, interned := newData([]int32{7, 8, 7}, f), newInterned([]int32{7, 8, 7}, f)
		assert.Equal(t, own, interned, "the same keys and values")
		switch f {
		case asKeys:
			assert.Same(t, interned.entries[0], interned.entries[2])
			assert.Same(t, unsafe.StringData(interned.askedKeys[0].String()), unsafe.StringData(interned.setKeys[2].String()))
			assert.NotSame(t, unsafe.StringData(own.askedKeys[0].String()), unsafe.StringData(own.setKeys[2].String()))
		case asNames:
			assert.Same(t, unsafe.StringData(interned.asked[0]), unsafe.StringData(interned.set[2]))
		case asBytes:
			assert.Same(t, &interned.bodies[0][0], &interned.bodies[2][0])
			assert.Same(t, &interned.askedBytes[0][0], &interned.setBytes[2][0])
		}
	}
}
