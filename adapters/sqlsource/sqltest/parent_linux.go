package sqltest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// endsWithParent has the server killed when the test dies without cleaning up,
// as it does when go test's time is over.
func endsWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// children returns the processes that a process has started.
func children(t testing.TB, pid int) (all []int) {
	t.Helper()
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	require.NoError(t, err)
	for _, field := range strings.Fields(string(list)) {
		child, err := strconv.Atoi(field)
		require.NoError(t, err)
		all = append(all, child)
	}
	return all
}
