package embedded

import (
	"fmt"

	"modernc.org/libc"
)

// conn is one connection with its prepared statements. It is for one
// goroutine.
type conn struct {
	tls  *libc.TLS
	db   uintptr
	idle map[string][]*stmt // prepared and not in use
	open map[*rows]bool
	args []arg // scratch
}

// dial opens path with a page cache of so many KiB.
func dial(path string, cacheKiB int, pragmas ...string) (*conn, error) {
	c, err := openFile(path)
	if err != nil {
		return nil, err
	}
	pragmas = append([]string{fmt.Sprintf("PRAGMA cache_size = -%d", cacheKiB), "PRAGMA busy_timeout = 10000"}, pragmas...)
	for _, p := range pragmas {
		if err := c.script(p); err != nil {
			_ = c.close() // nothing was written
			return nil, err
		}
	}
	return c, nil
}

func (c *conn) close() error {
	for r := range c.open {
		r.close()
	}
	for _, list := range c.idle {
		for _, s := range list {
			c.finalize(s)
		}
	}
	clear(c.idle)
	return c.shut()
}

func (c *conn) prepare(sql string) (*stmt, error) {
	if list := c.idle[sql]; len(list) > 0 {
		s := list[len(list)-1]
		c.idle[sql] = list[:len(list)-1]
		return s, nil
	}
	s, err := c.compile(sql)
	if err != nil {
		return nil, fmt.Errorf("%w (in %.60s)", err, sql)
	}
	return s, nil
}

// begin returns a statement with its arguments, ready for its first step.
func (c *conn) begin(sql string, args []arg) (*stmt, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return nil, err
	}
	if err := c.bind(s, args); err != nil {
		c.end(s)
		return nil, err
	}
	return s, nil
}

// end takes a statement back.
func (c *conn) end(s *stmt) {
	c.reset(s)
	c.idle[s.sql] = append(c.idle[s.sql], s)
}

// arguments are those of a statement, each an int64, string, []byte or nil.
// They hold until the next call.
func (c *conn) arguments(values []any) []arg {
	c.args = c.args[:0]
	for _, v := range values {
		switch v := v.(type) {
		case int64:
			c.args = append(c.args, number(v))
		case string:
			c.args = append(c.args, text(v))
		case []byte:
			c.args = append(c.args, blob(v))
		default:
			c.args = append(c.args, arg{})
		}
	}
	return c.args
}

// exec runs one statement.
func (c *conn) exec(sql string, values ...any) error {
	return c.run(sql, c.arguments(values))
}

func (c *conn) run(sql string, args []arg) error {
	s, err := c.begin(sql, args)
	if err != nil {
		return err
	}
	for more := true; more && err == nil; {
		more, err = c.step(s)
	}
	c.end(s)
	return err
}

// rows is a query under way. Close it.
type rows struct {
	c   *conn
	s   *stmt // nil when closed
	err error
}

func (c *conn) query(sql string, values ...any) (*rows, error) {
	return c.ask(sql, c.arguments(values))
}

func (c *conn) ask(sql string, args []arg) (*rows, error) {
	s, err := c.begin(sql, args)
	if err != nil {
		return nil, err
	}
	out := &rows{c: c, s: s}
	c.open[out] = true
	return out, nil
}

// next reports whether there is another row.
func (r *rows) next() bool {
	if r.err != nil || r.s == nil {
		return false
	}
	more, err := r.c.step(r.s)
	r.err = err
	if !more {
		r.close() // so that a question with one answer ends early
	}
	return more
}

func (r *rows) close() {
	if r.s == nil {
		return
	}
	r.c.end(r.s)
	r.s = nil
	delete(r.c.open, r)
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
