// Package cachetest has what tests of a program that caches need:
//
//   - an Origin, a source that is slow, fails or hangs as the test plans and counts its
//     calls;
//   - a History of what clients wrote and read, and a checker that says whether any order
//     of the writes explains each read within the promised bounds.
//
// What Redis and the network before it do wrong is in package redistest, whose servers
// and proxies take the same T. Nothing in it needs package testing, so that programs can
// prove themselves with it.
package cachetest
