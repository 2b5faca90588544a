package embedded

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
)

// Nothing is synced while the process runs. What it wrote survives its own end,
// kill -9 included, since the system still has it. After a power cut the file may
// have old pages beside new ones, and so values that were deleted. So the table is
// marked with the boot of the machine while it is open, and a file that was left
// open by another boot is not used.

// errPowerCut says that the machine stopped while the file was open.
var errPowerCut = errors.New("the machine stopped while it was open")

// bootID is empty where the system does not tell: there, kill -9 is taken for a
// power cut.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// markOpen is called in the transaction that opens the table.
func (t *table) markOpen(ctx context.Context, boot string) error {
	var left string
	err := t.conn.QueryRowContext(ctx, "SELECT boot FROM unclean").Scan(&left)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = t.conn.ExecContext(ctx, "INSERT INTO unclean VALUES(?)", boot)
		return err
	case err == nil && (left == "" || left != boot):
		return errPowerCut
	}
	return err
}

// markClosed syncs the file and takes the mark off. If it cannot, the mark stays.
func (t *table) markClosed() {
	_ = t.exec(context.Background(), "PRAGMA synchronous=FULL", "DELETE FROM unclean")
}
