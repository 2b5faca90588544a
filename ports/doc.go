// Package ports says what the use case needs from the world: two layers, a
// source, a locker, a bus and a recorder. The comment on each interface is its
// contract; portstest checks adapters against it, mocks stand in for them.
//
// All implementations are safe for concurrent use.
package ports
