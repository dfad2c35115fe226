package embedded

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"assim/graph"
)

// conn is one connection with its prepared statements. It talks to the driver
// directly: between database/sql and a look-up of two microseconds there is no
// room. It is for one goroutine.
type conn struct {
	c    driver.Conn
	idle map[string][]*stmt // prepared and not in use
	open map[*rows]bool
	args []driver.NamedValue // scratch
}

type stmt struct {
	sql  string
	exec driver.StmtExecContext
	ask  driver.StmtQueryContext
	s    driver.Stmt
}

// dial opens path with a page cache of so many KiB.
func dial(path string, cacheKiB int, pragmas ...string) (*conn, error) {
	c, err := (&sqlite.Driver{}).Open(path)
	if err != nil {
		return nil, explain(err)
	}
	out := &conn{c: c, idle: map[string][]*stmt{}, open: map[*rows]bool{}}
	pragmas = append([]string{fmt.Sprintf("PRAGMA cache_size = -%d", cacheKiB), "PRAGMA busy_timeout = 10000"}, pragmas...)
	for _, p := range pragmas {
		if err := out.script(p); err != nil {
			out.close()
			return nil, err
		}
	}
	return out, nil
}

func (c *conn) close() error {
	for r := range c.open {
		r.close()
	}
	for _, list := range c.idle {
		for _, s := range list {
			_ = s.s.Close() // the connection goes too
		}
	}
	return explain(c.c.Close())
}

func (c *conn) prepare(sql string) (*stmt, error) {
	if list := c.idle[sql]; len(list) > 0 {
		s := list[len(list)-1]
		c.idle[sql] = list[:len(list)-1]
		return s, nil
	}
	s, err := c.c.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("%w (in %.60s)", explain(err), sql)
	}
	return &stmt{sql, s.(driver.StmtExecContext), s.(driver.StmtQueryContext), s}, nil
}

func (c *conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

// exec runs one statement. Arguments are int64, string, []byte or nil.
func (c *conn) exec(sql string, args ...any) error {
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	_, err = s.exec.ExecContext(context.Background(), c.bind(args))
	c.idle[sql] = append(c.idle[sql], s)
	return explain(err)
}

// script runs statements that are used once.
func (c *conn) script(sql string) error {
	_, err := c.c.(driver.ExecerContext).ExecContext(context.Background(), sql, nil)
	return explain(err)
}

// rows is a query under way. Close it.
type rows struct {
	c    *conn
	s    *stmt
	r    driver.Rows
	vals []driver.Value
	err  error
}

func (c *conn) query(sql string, args ...any) (*rows, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return nil, err
	}
	r, err := s.ask.QueryContext(context.Background(), c.bind(args))
	if err != nil {
		c.idle[sql] = append(c.idle[sql], s)
		return nil, explain(err)
	}
	out := &rows{c: c, s: s, r: r, vals: make([]driver.Value, len(r.Columns()))}
	c.open[out] = true
	return out, nil
}

// next reports whether there is another row; its values are in r.vals.
func (r *rows) next() bool {
	if r.err != nil || r.r == nil {
		return false
	}
	if err := r.r.Next(r.vals); err != nil {
		if !errors.Is(err, io.EOF) {
			r.err = explain(err)
		}
		return false
	}
	return true
}

func (r *rows) int(i int) int64 {
	v, _ := r.vals[i].(int64)
	return v
}

func (r *rows) text(i int) string {
	v, _ := r.vals[i].(string)
	return v
}

func (r *rows) blob(i int) []byte {
	v, _ := r.vals[i].([]byte)
	return v
}

func (r *rows) close() {
	if r.r == nil {
		return
	}
	if err := r.r.Close(); err != nil && r.err == nil {
		r.err = explain(err)
	}
	r.r = nil
	delete(r.c.open, r)
	r.c.idle[r.s.sql] = append(r.c.idle[r.s.sql], r.s)
}

// each calls f for every row of a query.
func (c *conn) each(f func(*rows) error, sql string, args ...any) error {
	r, err := c.query(sql, args...)
	if err != nil {
		return err
	}
	defer r.close()
	for r.next() {
		if err := f(r); err != nil {
			return err
		}
	}
	return r.err
}

// one calls f for the first row of a query and reports whether there is one.
func (c *conn) one(f func(*rows), sql string, args ...any) (bool, error) {
	r, err := c.query(sql, args...)
	if err != nil {
		return false, err
	}
	defer r.close()
	if !r.next() {
		return false, r.err
	}
	if f != nil {
		f(r)
	}
	return true, nil
}

// integer returns the single number that a query answers; 0 for none.
func (c *conn) integer(sql string, args ...any) (int64, error) {
	var n int64
	_, err := c.one(func(r *rows) { n = r.int(0) }, sql, args...)
	return n, err
}

// explain turns the driver's errors into ours.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code()&0xff == sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: free some on its file system or raise its limit", graph.ErrFull)
	case e.Code()&0xff == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: it is not a database", ErrFormat)
	case e.Code()&0xff == sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged (%s); restore a backup", strings.TrimSpace(err.Error()))
	}
	return err
}
