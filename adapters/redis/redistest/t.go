package redistest

// T is what a server needs of the test that it belongs to: a *testing.T, or what a
// program has in its place.
type T interface {
	Helper()
	Cleanup(func())
	TempDir() string
	Errorf(format string, args ...any)
	FailNow()
	Skip(args ...any)
}

func must(t T, err error) {
	t.Helper()
	if err != nil {
		fail(t, "%v", err)
	}
}

func fail(t T, format string, args ...any) {
	t.Helper()
	t.Errorf(format, args...)
	t.FailNow()
}
