package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The table itself and its partitions, with the columns that are published, and those
// that are known of the old row of an UPDATE or DELETE.
const tableQuery = `
WITH named AS (
	SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')
), parts AS (
	SELECT oid FROM named UNION SELECT p.relid FROM named, pg_partition_tree(named.oid::regclass) p
)
SELECT c.oid::regclass::text, c.relkind = 'p', c.relreplident = 'f', c.oid::text || '/' || c.relfilenode::text,
	ARRAY(SELECT a.attname::text FROM pg_attribute a
		WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum),
	ARRAY(SELECT a.attname || ' ' || a.atttypid::text || ' ' || a.atttypmod::text FROM pg_attribute a
		WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
	ARRAY(SELECT a.attname::text FROM pg_index i
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
		WHERE i.indrelid = c.oid AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END)
FROM parts JOIN pg_class c USING (oid) ORDER BY c.oid`

// check returns what the tables are by now: it changes when they are defined or
// written otherwise than by changes of rows. It fails when their keys cannot be known.
func (f *Feed) check(ctx context.Context, conn *pgx.Conn) (string, error) {
	var shape strings.Builder
	for _, name := range f.names() {
		one, err := f.checkTable(ctx, conn, name)
		if err != nil {
			return "", err
		}
		shape.WriteString(one)
	}
	return shape.String(), nil
}

// names returns the names of the tables in an order that is always the same.
func (f *Feed) names() []string {
	names := make([]string, 0, len(f.tables))
	for name := range f.tables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (f *Feed) checkTable(ctx context.Context, conn *pgx.Conn, name string) (string, error) {
	schema, table, _ := strings.Cut(name, ".")
	rows, err := conn.Query(ctx, tableQuery, schema, table)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var shape strings.Builder
	for rows.Next() {
		var part, file string
		var partitioned, full bool
		var columns, types, identity []string
		if err := rows.Scan(&part, &partitioned, &full, &file, &columns, &types, &identity); err != nil {
			return "", err
		}
		fmt.Fprintln(&shape, file, types)
		if full {
			identity = columns
		}
		for _, c := range f.tables[name].Columns() {
			switch {
			case !slices.Contains(columns, c):
				return "", fmt.Errorf("the table %s has no column %s that is stored, which its key needs", part, c)
			case !partitioned && !slices.Contains(identity, c):
				return "", errIdentity(part, c)
			}
		}
	}
	if rows.Err() == nil && shape.Len() == 0 {
		return "", fmt.Errorf("there is no table %s", name)
	}
	return shape.String(), rows.Err()
}

// errIdentity says how to have a column in the old rows. A table without identity that
// is published cannot be updated at all, so it is looked for before that.
func errIdentity(table, column string) error {
	return fmt.Errorf("the replica identity of the table %s does not have the column %s, which its key needs: run ALTER TABLE %s REPLICA IDENTITY FULL, or have it in a unique index and run ALTER TABLE %s REPLICA IDENTITY USING INDEX", table, column, table, table)
}

// publish makes sure that the publication has all changes of the tables. It reports
// whether changes from before may not have been published.
func (f *Feed) publish(ctx context.Context, conn *pgx.Conn) (changed bool, err error) {
	for {
		todo, err := f.unpublished(ctx, conn)
		if err != nil || todo == "" {
			return changed, err
		}
		if _, err := conn.Exec(ctx, todo); err == nil {
			f.opts.Logger.InfoContext(ctx, "changed what postgres publishes", "statement", todo)
		} else if again, _ := f.unpublished(ctx, conn); again == todo { // else another feed did it
			return false, fmt.Errorf("the publication needs a change that failed, run it as the owner of the table: %s: %w", todo, err)
		}
		changed = true
	}
}

// unpublished returns the statement after which all is published, empty if it is.
func (f *Feed) unpublished(ctx context.Context, conn *pgx.Conn) (string, error) {
	publication := pgx.Identifier{f.opts.Publication}.Sanitize()
	var exists, all, viaRoot bool
	var listed, published []string
	err := conn.QueryRow(ctx, "SELECT count(*) > 0, coalesce(bool_and(pubinsert AND pubupdate AND pubdelete AND pubtruncate), false),"+
		" coalesce(bool_and(pubviaroot), false), ARRAY(SELECT schemaname || '.' || tablename FROM pg_publication_tables WHERE pubname = $1),"+
		" ARRAY(SELECT n.nspname || '.' || c.relname FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid"+
		" JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = $1)"+
		" FROM pg_publication WHERE pubname = $1", f.opts.Publication).Scan(&exists, &all, &viaRoot, &published, &listed)
	if err != nil {
		return "", err
	}
	var missing []string
	parted := false // a table is published as its partitions
	for _, name := range f.names() {
		if !slices.Contains(published, name) {
			schema, table, _ := strings.Cut(name, ".")
			missing = append(missing, pgx.Identifier{schema, table}.Sanitize())
			parted = parted || !viaRoot && slices.Contains(listed, name)
		}
	}
	list := strings.Join(missing, ", ")
	switch {
	case !exists:
		return fmt.Sprintf("CREATE PUBLICATION %s FOR TABLE %s WITH (publish_via_partition_root = true)", publication, list), nil
	case !all:
		return fmt.Sprintf("ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate')", publication), nil
	case parted:
		return fmt.Sprintf("ALTER PUBLICATION %s SET (publish_via_partition_root = true)", publication), nil
	case len(missing) > 0:
		return fmt.Sprintf("ALTER PUBLICATION %s ADD TABLE %s", publication, list), nil
	}
	return "", nil
}
