package redistest

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// commandTimeout ends commands of a server that hangs.
const commandTimeout = time.Minute

// Command has the server carry out one command, such as "CONFIG", "SET",
// "maxmemory", "0", and returns its answer as text, a line per element. An error
// fails the test.
func (s *Server) Command(args ...string) string {
	s.t.Helper()
	answer, err := s.Try(args...)
	must(s.t, err)
	return answer
}

// Try is Command for what may go wrong. It goes through redis-cli, so that what
// is wrong with the client under test is not wrong here.
func (s *Server) Try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "redis-cli", slices.Concat(s.cli, args)...).CombinedOutput()
	answer := strings.TrimRight(strings.ReplaceAll(string(out), "\r", ""), "\n")
	if err != nil {
		return "", fmt.Errorf("redis-cli %s: %s: %w", strings.Join(args, " "), answer, err)
	}
	return answer, nil
}

// await waits until the answer to a command contains part.
func (s *Server) await(part string, command ...string) {
	s.t.Helper()
	s.awaitThat(func(answer string) bool { return strings.Contains(answer, part) }, command...)
}

func (s *Server) awaitThat(good func(answer string) bool, command ...string) {
	s.t.Helper()
	for end := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		answer, err := s.Try(command...)
		if err == nil && good(answer) {
			return
		}
		if time.Now().After(end) {
			fail(s.t, "%s does not answer to %v as it should: %s %v", s.Addr(), command, answer, err)
		}
	}
}
