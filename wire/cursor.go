package wire

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// ErrShort is returned by every decoder for bytes that end too early.
var ErrShort = errors.New("message ends too early")

// ErrForm is returned by every decoder for bytes that cannot mean anything.
var ErrForm = errors.New("message is malformed")

// cursor reads a message from front to back. After the first mistake it
// returns zeros only, and err says what was wrong: decoders read on and ask
// once at the end.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) take(n int) []byte {
	if c.err != nil || n < 0 || n > len(c.b) {
		c.fail(ErrShort)
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.b = nil
}

func (c *cursor) u8() uint8 {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// text reads a string with a one-byte length.
func (c *cursor) text() string { return string(c.take(int(c.u8()))) }

// fill copies the next len(dst) bytes into dst.
func (c *cursor) fill(dst []byte) { copy(dst, c.take(len(dst))) }

// addrPort reads an address: its length (4 or 16), its bytes, the port.
func (c *cursor) addrPort() netip.AddrPort {
	n := int(c.u8())
	if n != 4 && n != 16 {
		c.fail(ErrForm)
		return netip.AddrPort{}
	}
	addr, ok := netip.AddrFromSlice(c.take(n))
	port := c.u16()
	if c.err != nil || !ok || addr.Is4In6() {
		c.fail(ErrForm)
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, port)
}

// done returns the first mistake; bytes left over are one too.
func (c *cursor) done() error {
	if c.err == nil && len(c.b) > 0 {
		c.err = ErrForm
	}
	return c.err
}

func appendText(dst []byte, s string) []byte {
	s = clip(s, 255)
	return append(append(dst, byte(len(s))), s...)
}

// appendAddrPort leaves out zones: they mean nothing on another system.
func appendAddrPort(dst []byte, a netip.AddrPort) []byte {
	addr := a.Addr().Unmap().WithZone("")
	raw := addr.AsSlice()
	dst = append(append(dst, byte(len(raw))), raw...)
	return binary.BigEndian.AppendUint16(dst, a.Port())
}

// clip shortens s to n bytes without cutting a UTF-8 character in two.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
