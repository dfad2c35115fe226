package cma

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"assim/admin"
	"assim/trust"
	"assim/version"
	"assim/wire"
)

// maxAsideShown bounds how many documents set aside a status lists.
const maxAsideShown = 100

// Status is the CMA's health, for package admin.
func (c *CMA) Status(ctx context.Context) (admin.Status, error) {
	s := admin.Status{
		Version: version.String("cma"), Started: c.started, Store: c.cfg.Store, Listen: c.tcp.Addr().String(),
		Systems: map[string]int{}, RSS: residentBytes(),
	}
	if key := filepath.Join(c.cfg.Data, trust.RecoveryFile); exists(key) {
		s.Recovery = key
	}
	s.Counters, s.Rates, s.LastError, s.LastErrorAt = c.health.read()
	s.Malformed = c.health.offenders.read(c.now())
	err := c.brain.ask(ctx, func() {
		for range c.brain.auth.Plan().Rings() {
			s.Rings++
		}
		for i := range s.Malformed {
			if id, err := wire.ParseID(s.Malformed[i].System); err == nil {
				s.Malformed[i].Name = c.brain.name(id)
			}
		}
	})
	if err != nil {
		return s, err
	}
	if err := c.countSystems(ctx, s.Systems); err != nil {
		return s, err
	}
	waiting, dropped := c.inbox.size()
	s.Queues = []admin.Queue{
		{Name: "signals", Length: len(c.brain.mail) + len(c.brain.quick), Limit: cap(c.brain.mail) + cap(c.brain.quick), Dropped: s.Counters["signals dropped: the brain is behind"]},
		{Name: "documents", Length: waiting, Limit: maxInbox, Dropped: dropped},
		{Name: "commits", Length: len(c.commits.queue), Limit: cap(c.commits.queue)},
	}
	s.SetAside, err = c.setAside(ctx)
	return s, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (c *CMA) countSystems(ctx context.Context, by map[string]int) error {
	view, err := c.store.View(ctx, time.Time{})
	if err != nil {
		return err
	}
	defer view.Close()
	for v, err := range view.NodesWith("System", "nanoprobe", true) {
		if err != nil {
			return err
		}
		by[text(v.Props["status"])]++
	}
	return nil
}

func (c *CMA) setAside(ctx context.Context) ([]admin.SetAside, error) {
	list := []admin.SetAside{}
	for r, err := range c.store.Records(ctx, asideBucket) {
		if err != nil {
			return nil, err
		}
		var a aside
		if err := json.Unmarshal(r.Value, &a); err != nil {
			return nil, fmt.Errorf("cma: what is set aside as %s: %w", r.Name, err)
		}
		list = append(list, admin.SetAside{System: a.System, Type: a.Type, Instance: a.Instance, Hash: a.Hash, At: a.At, Reason: a.Reason})
		if len(list) == maxAsideShown {
			break
		}
	}
	return list, nil
}

// residentBytes is the memory of this process that is in RAM; see proc_pid_statm(5).
func residentBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// CreateToken makes a permission to join.
func (c *CMA) CreateToken(_ context.Context, r admin.TokenRequest) (admin.Token, error) {
	if r.For < 0 || r.MaxUses < 0 {
		return admin.Token{}, admin.Badf("a permission cannot be for a negative time or number")
	}
	t := trust.Token{Note: r.Note, Max: r.MaxUses, Approve: r.Approve}
	if err := t.Bind(r.Bind); err != nil {
		return admin.Token{}, admin.Badf("-bind: %w", err)
	}
	if c.cfg.Policy.Strict && !t.Strict() {
		return admin.Token{}, admin.Badf("this CMA is strict: it wants a string for one use, bound to one system: add -uses 1 -bind NAME, MACHINE or CIDR")
	}
	if r.For > 0 {
		t.Expires = c.now().Add(r.For)
	}
	host, at, err := c.reachedAt(r.Address)
	if err != nil {
		return admin.Token{}, err
	}
	j, made, err := c.registry.CreateToken(c.now(), t, host, at, c.keys.Pub())
	if err != nil {
		return admin.Token{}, err
	}
	shown := tokenShown(made)
	shown.Join = j.String()
	return shown, nil
}

// reachedAt reads HOST, HOST:PORT or nothing as where this CMA is reached.
func (c *CMA) reachedAt(given string) (host string, port uint16, err error) {
	host, port = given, c.udp.Port()
	if host == "" {
		host = c.ownAddress()
	}
	if h, p, err := net.SplitHostPort(host); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", 0, admin.Badf("%q is not HOST or HOST:PORT", given)
		}
		host, port = h, uint16(n)
	}
	return strings.Trim(host, "[]"), port, nil
}

// ownAddress guesses where nanoprobes reach this CMA; "*", by multicast, when
// it has no address that leaves this host.
func (c *CMA) ownAddress() string {
	if host, _, err := net.SplitHostPort(c.cfg.Listen); err == nil && host != "" {
		return host
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "*"
	}
	six := "*"
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		switch {
		case err != nil || !p.Addr().IsGlobalUnicast():
		case p.Addr().Is4():
			return p.Addr().String()
		case six == "*":
			six = p.Addr().String()
		}
	}
	return six
}

// Tokens lists the permissions to join.
func (c *CMA) Tokens(context.Context) ([]admin.Token, error) {
	list := []admin.Token{}
	for _, t := range c.registry.Tokens() {
		list = append(list, tokenShown(t))
	}
	return list, nil
}

func tokenShown(t trust.Token) admin.Token {
	return admin.Token{ID: t.String(), Note: t.Note, Expires: t.Expires, Uses: t.Used, MaxUses: t.Max, Revoked: t.Revoked,
		Bind: t.Bound(), Approve: t.Approve}
}

// RevokeToken ends a permission, and with systems the membership of those that
// used it.
func (c *CMA) RevokeToken(ctx context.Context, id string, systems bool) error {
	var token wire.TokenID
	if n, err := hex.Decode(token[:], []byte(id)); err != nil || n != len(token) {
		return admin.Badf("%q is not the id of a token; assim join-token list shows them", id)
	}
	if _, ok := c.registry.Token(token); !ok {
		return admin.Badf("there is no token %s; assim join-token list shows them", id)
	}
	out, err := c.registry.RevokeToken(token, systems)
	if err != nil {
		return err
	}
	return c.expel(ctx, out...)
}
