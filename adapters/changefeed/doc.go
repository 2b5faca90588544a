// Package changefeed is what the feeds of changes below it share: which key of the
// cache a row of a table belongs to, and how many keys a change may name. It knows
// nothing of databases.
package changefeed
