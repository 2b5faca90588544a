package cachetest

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// NotFound answers that there is no such key. It and the functions below are each a
// Plan.How.
func NotFound(_ *Origin, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

// Fail answers 500.
func Fail(_ *Origin, w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusInternalServerError)
}

// Hang waits until the caller gives up.
func Hang(o *Origin, _ http.ResponseWriter, r *http.Request) { o.Pass(time.Hour, r) }

// Ignore goes on although the caller has given up.
func Ignore(o *Origin, _ http.ResponseWriter, _ *http.Request) { <-o.over }

const tooMuch = 10 << 20

// TooMuch answers 10 MiB, and says so.
func TooMuch(_ *Origin, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", strconv.Itoa(tooMuch))
	_, _ = io.WriteString(w, strings.Repeat("x", tooMuch))
}

// TooMuchBitByBit does not say beforehand how much it will be.
func TooMuchBitByBit(_ *Origin, w http.ResponseWriter, _ *http.Request) {
	for range 10 {
		_, _ = io.WriteString(w, strings.Repeat("x", tooMuch/10))
		_ = http.NewResponseController(w).Flush()
	}
}

// Half answers the first half of a body, and ends the connection.
func Half(_ *Origin, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, strings.Repeat("x", 500))
}

// HalfAndHang hangs in the middle of the body.
func HalfAndHang(o *Origin, w http.ResponseWriter, r *http.Request) {
	Half(o, w, r)
	_ = http.NewResponseController(w).Flush()
	Hang(o, w, r)
}
