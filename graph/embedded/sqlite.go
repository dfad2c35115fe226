package embedded

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"sync"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"assim/graph"
)

// This file is all that knows how SQLite is called. It uses the library
// itself and not its driver for database/sql, which takes a lock, a context
// and a piece of memory for every value; half of a look-up's time went there.
// A connection belongs to one goroutine, so the library need not lock it.

const (
	openFlags = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_CREATE | sqlite3.SQLITE_OPEN_NOMUTEX
	keptArgs  = 64 << 10 // bytes of arguments' memory that a statement keeps for the next time
)

// arrange does what the library wants done once in a process.
var arrange = sync.OnceFunc(sqlite3.PatchIssue199)

// openFile opens the database in a file.
func openFile(path string) (*conn, error) {
	arrange()
	c := &conn{tls: libc.NewTLS(), idle: map[string][]*stmt{}, open: map[*rows]bool{}}
	name, err := c.cstring(path)
	if err != nil {
		c.tls.Close()
		return nil, err
	}
	out := c.alloc(pointerSize)
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, out, openFlags, 0)
	c.db = pointerAt(out)
	c.free(name)
	c.free(out)
	if rc == sqlite3.SQLITE_OK {
		rc = sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	}
	if rc != sqlite3.SQLITE_OK {
		err := c.explain(rc)
		c.shut()
		return nil, err
	}
	return c, nil
}

// shut closes the database; its statements must be gone.
func (c *conn) shut() error {
	if c.tls == nil {
		return nil
	}
	rc := sqlite3.Xsqlite3_close_v2(c.tls, c.db)
	c.tls.Close()
	c.tls = nil
	if rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("closing the file: SQLite error %d", rc)
	}
	return nil
}

const pointerSize = bits.UintSize / 8

// pointerAt reads the address that the library left at p.
func pointerAt(p uintptr) uintptr {
	b := libc.GoBytes(p, pointerSize)
	if pointerSize == 4 {
		return uintptr(binary.NativeEndian.Uint32(b))
	}
	return uintptr(binary.NativeEndian.Uint64(b))
}

// alloc returns memory of the library's; it never moves. Running out of it
// ends the program, as it does with Go's own.
func (c *conn) alloc(n int) uintptr {
	p := sqlite3.Xsqlite3_malloc64(c.tls, sqlite3.Tsqlite3_uint64(n))
	if p == 0 {
		panic(fmt.Sprintf("graph store: no memory for %d bytes", n))
	}
	return p
}

func (c *conn) free(p uintptr) { sqlite3.Xsqlite3_free(c.tls, p) }

// cstring copies s where the library can read it, with a zero at its end.
func (c *conn) cstring(s string) (uintptr, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return 0, fmt.Errorf("%.60q has a zero byte in it", s)
	}
	p := c.alloc(len(s) + 1)
	b := libc.GoBytes(p, len(s)+1)
	copy(b, s)
	b[len(s)] = 0
	return p, nil
}

// stmt is a prepared statement and the memory that its arguments are in.
type stmt struct {
	sql  string
	p    uintptr
	mem  uintptr
	room int
}

// compile prepares one statement for frequent use.
func (c *conn) compile(sql string) (*stmt, error) {
	text, err := c.cstring(sql)
	if err != nil {
		return nil, err
	}
	out := c.alloc(pointerSize)
	rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, text, -1, sqlite3.SQLITE_PREPARE_PERSISTENT, out, 0)
	s := &stmt{sql: sql, p: pointerAt(out)}
	c.free(text)
	c.free(out)
	if rc != sqlite3.SQLITE_OK {
		return nil, c.explain(rc)
	}
	return s, nil
}

func (c *conn) finalize(s *stmt) {
	sqlite3.Xsqlite3_finalize(c.tls, s.p) // its answer is that of the last step
	if s.mem != 0 {
		c.free(s.mem)
	}
}

// arg is one argument of a statement: a number, a text, a blob or nothing.
type arg struct {
	kind argKind
	n    int64
	text string
	blob []byte
}

type argKind uint8

const (
	isNull argKind = iota
	isNumber
	isText
	isBlob
)

func number(n int64) arg { return arg{kind: isNumber, n: n} }
func text(s string) arg  { return arg{kind: isText, text: s} }
func blob(b []byte) arg  { return arg{kind: isBlob, blob: b} }

// bind gives a statement all of its arguments. Texts and blobs are copied side
// by side into memory that stays until the statement is given others.
func (c *conn) bind(s *stmt, args []arg) error {
	size := 1 // so that the address of nothing is one
	for i := range args {
		size += len(args[i].text) + len(args[i].blob)
	}
	if size > s.room {
		if s.mem != 0 {
			c.free(s.mem)
		}
		s.room = 2 * size
		s.mem = c.alloc(s.room)
	}
	mem := libc.GoBytes(s.mem, s.room)
	used := 0
	for i := range args {
		a := &args[i]
		n, at := int32(i+1), s.mem+uintptr(used)
		var rc int32
		switch {
		case a.kind == isNumber:
			rc = sqlite3.Xsqlite3_bind_int64(c.tls, s.p, n, a.n)
		case a.kind == isText:
			used += copy(mem[used:], a.text)
			rc = sqlite3.Xsqlite3_bind_text(c.tls, s.p, n, at, int32(len(a.text)), sqlite3.SQLITE_STATIC)
		case a.blob != nil:
			used += copy(mem[used:], a.blob)
			rc = sqlite3.Xsqlite3_bind_blob(c.tls, s.p, n, at, int32(len(a.blob)), sqlite3.SQLITE_STATIC)
		default:
			rc = sqlite3.Xsqlite3_bind_null(c.tls, s.p, n)
		}
		if rc != sqlite3.SQLITE_OK {
			return c.explain(rc)
		}
	}
	return nil
}

// step goes on to the next row and reports whether there is one.
func (c *conn) step(s *stmt) (bool, error) {
	switch rc := sqlite3.Xsqlite3_step(c.tls, s.p); rc {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	default:
		return false, c.explain(rc)
	}
}

// reset makes a statement ready for the next use.
func (c *conn) reset(s *stmt) {
	sqlite3.Xsqlite3_reset(c.tls, s.p) // its answer is that of the last step
	if s.room > keptArgs {
		sqlite3.Xsqlite3_clear_bindings(c.tls, s.p) // always SQLITE_OK
		c.free(s.mem)
		s.mem, s.room = 0, 0
	}
}

// script runs statements that are used once.
func (c *conn) script(sql string) error {
	text, err := c.cstring(sql)
	if err != nil {
		return err
	}
	defer c.free(text)
	if rc := sqlite3.Xsqlite3_exec(c.tls, c.db, text, 0, 0, 0); rc != sqlite3.SQLITE_OK {
		return c.explain(rc)
	}
	return nil
}

// until runs f, which uses c, and interrupts it when ctx ends.
func (c *conn) until(ctx context.Context, f func() error) error {
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		tls := libc.NewTLS() // c's own is in use
		defer tls.Close()
		sqlite3.Xsqlite3_interrupt(tls, c.db)
	})
	err := f()
	if !stop() {
		<-over // c may be closed as soon as we return
		if err != nil {
			return ctx.Err()
		}
	}
	return err
}

func (r *rows) int(i int) int64 {
	return sqlite3.Xsqlite3_column_int64(r.c.tls, r.s.p, int32(i))
}

func (r *rows) text(i int) string {
	p := sqlite3.Xsqlite3_column_text(r.c.tls, r.s.p, int32(i))
	n := sqlite3.Xsqlite3_column_bytes(r.c.tls, r.s.p, int32(i))
	if p == 0 || n == 0 {
		return ""
	}
	return string(libc.GoBytes(p, int(n)))
}

// blob returns a copy; nil when there is nothing in it.
func (r *rows) blob(i int) []byte {
	return append([]byte(nil), r.view(i)...)
}

// view is blob without a copy: it is gone with the next row.
func (r *rows) view(i int) []byte {
	p := sqlite3.Xsqlite3_column_blob(r.c.tls, r.s.p, int32(i))
	n := sqlite3.Xsqlite3_column_bytes(r.c.tls, r.s.p, int32(i))
	if p == 0 || n == 0 {
		return nil
	}
	return libc.GoBytes(p, int(n))
}

// null reports whether there is no value.
func (r *rows) null(i int) bool {
	return sqlite3.Xsqlite3_column_type(r.c.tls, r.s.p, int32(i)) == sqlite3.SQLITE_NULL
}

// explain says in our words what the library just complained of.
func (c *conn) explain(rc int32) error {
	text := libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))
	switch rc & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: free some on its file system or raise its limit", graph.ErrFull)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: it is not a database", ErrFormat)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged (%s); restore a backup", text)
	}
	return fmt.Errorf("%s (SQLite error %d)", text, rc)
}
