package embedded

import "strings"

// batch gathers new rows of one table, so that many go with one statement: most
// of the cost of a small insert is in beginning and ending it.
type batch struct {
	into  string // "INSERT INTO table(columns)"
	width int    // columns
	args  []arg
	sql   map[int]string // by number of rows
}

// batchSizes are how many rows go with one statement, largest first.
var batchSizes = [...]int{16, 4, 1}

func newBatch(into string, width int) *batch {
	b := &batch{into: into, width: width, sql: map[int]string{}}
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", width), ",") + "),"
	for _, n := range batchSizes {
		b.sql[n] = into + " VALUES " + strings.TrimSuffix(strings.Repeat(row, n), ",")
	}
	return b
}

// add takes one row; it is there after the next write.
func (b *batch) add(row ...arg) { b.args = append(b.args, row...) }

// write writes what was gathered.
func (b *batch) write(c *conn) error {
	args := b.args
	b.args = b.args[:0]
	for _, n := range batchSizes {
		for len(args) >= n*b.width {
			if err := c.run(b.sql[n], args[:n*b.width]); err != nil {
				return err
			}
			args = args[n*b.width:]
		}
	}
	return nil
}

// batches are the tables that a first discovery writes most of.
type batches struct {
	nodes, places, rels, values *batch
}

func newBatches() batches {
	return batches{
		nodes:  newBatch("INSERT INTO node(id, label, key, born, since, src, at, body)", 8),
		places: newBatch("INSERT INTO place(key, kind, id)", 3),
		rels:   newBatch("INSERT INTO rel(id, a, type, b, rid, born, since, src, at, body)", 10),
		values: newBatch("INSERT OR IGNORE INTO value(ix, value, node)", 3),
	}
}

func (b *batches) write(c *conn) error {
	for _, t := range []*batch{b.nodes, b.places, b.rels, b.values} {
		if err := t.write(c); err != nil {
			return err
		}
	}
	return nil
}

// forget drops what was gathered for a transaction that was rolled back.
func (b *batches) forget() {
	for _, t := range []*batch{b.nodes, b.places, b.rels, b.values} {
		t.args = t.args[:0]
	}
}
