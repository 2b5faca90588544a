// Package cachetest has what tests of a program that caches need: an Origin, which is
// a source that is slow, fails or hangs as the test plans and counts its calls. What
// Redis and the network before it do wrong is in package redistest, whose servers and
// proxies take the same T.
//
// Nothing in it needs package testing, so that programs can prove themselves with it.
package cachetest
