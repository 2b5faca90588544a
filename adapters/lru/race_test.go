//go:build race

package lru

const raceDetector = true
