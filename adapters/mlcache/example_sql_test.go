package mlcache_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource"
)

// A database without a loader: the columns of the query are the fields of the values,
// and keys that are missing at the same time become one statement.
func ExampleNewFrom() {
	ctx := context.Background()
	dir := must(os.MkdirTemp("", "mlcache"))
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "shop.db")
	db := must(sql.Open("sqlite", file))
	must(db.ExecContext(ctx, `CREATE TABLE product(id TEXT, name TEXT, price REAL); INSERT INTO product VALUES ('7', 'tea', 4.5), ('8', 'milk', 1.2)`))
	_ = db.Close()

	source := must(sqlsource.New(sqlsource.Options{
		DSN:     "sqlite://" + file,
		Query:   "SELECT id AS _key, name, price FROM product WHERE id IN (:keys)",
		Timeout: 5 * time.Second, MaxBytes: 1 << 20, MaxConns: 10, BatchWait: time.Millisecond,
	}))
	defer source.Close()
	type product struct {
		Name  string  `json:"name"`
		Price float64 `json:"price"`
	}
	products := must(mlcache.NewFrom[product]("products", source, mlcache.TTL(time.Minute)))
	defer products.Close(ctx)

	fmt.Println(products.Get(ctx, "7"))
	fmt.Println(products.GetMany(ctx, []string{"7", "8", "9"}))
	// Output:
	// {tea 4.5} <nil>
	// map[7:{tea 4.5} 8:{milk 1.2}] <nil>
}
