//go:build !race

package lru

const raceDetector = false
