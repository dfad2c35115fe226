package nanoprobe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"assim/netio"
	"assim/trust"
	"assim/trust/bulk"
	"assim/wire"
)

// Files of the CMA's run directory that a nanoprobe on the same host uses.
const (
	JoinSocket  = "join.sock" // root joins here without a string
	AddressFile = "address"   // HOST:PORT of the CMA, for this host
)

// complainEvery is how often an unanswered nanoprobe says so.
const complainEvery = time.Minute

// enroll makes sure that this nanoprobe has an identity from a CMA: the one it
// has, the CMA of this host, or whoever the join string names. It does not
// give up; a refusal makes it slower.
func (n *Nanoprobe) enroll(ctx context.Context) error {
	if !n.identity.Was.IsZero() && !n.identity.Enrolled() {
		n.log.Warn("this disk was copied from another system: a new identity is made", "was", n.identity.Was)
	}
	if n.identity.Enrolled() && (!n.identity.Weak || n.cfg.Join == "") {
		return nil
	}
	if n.cfg.Join != "" {
		j, err := trust.ParseJoin(n.cfg.Join)
		switch {
		case err != nil:
			return err
		case n.identity.Enrolled():
			return n.identity.Confirm(j)
		}
		return n.knock(ctx, j)
	}
	for wait := retryAfter; ; wait = min(2*wait, retryAtMost) {
		err := n.enrollHere(ctx)
		if err == nil {
			return nil
		}
		if n.cfg.Zero {
			return n.knock(ctx, trust.Join{})
		}
		n.log.Warn("not joined yet", "error", err, "again in", wait)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		n.discard()
	}
}

// enrollHere joins the CMA of this host by its root-only socket.
func (n *Nanoprobe) enrollHere(ctx context.Context) error {
	socket := filepath.Join(n.cfg.Run, JoinSocket)
	if _, err := os.Stat(socket); err != nil {
		return fmt.Errorf("no CMA on this host (%s is not there): on the CMA run `assim join-token create`, and start this nanoprobe with -join and the string it prints", socket)
	}
	return bulk.EnrollLocal(ctx, n.identity, n.about(), socket, n.localAddress())
}

// localAddress is where the CMA of this host says it listens.
func (n *Nanoprobe) localAddress() string {
	text, err := os.ReadFile(filepath.Join(n.cfg.Run, AddressFile))
	if err != nil {
		return fmt.Sprintf("127.0.0.1:%d", wire.Port)
	}
	return strings.TrimSpace(string(text))
}

// discard forgets datagrams that mean nothing before we have joined.
func (n *Nanoprobe) discard() {
	for {
		select {
		case <-n.packets:
		default:
			return
		}
	}
}

// knock asks a CMA elsewhere to be let in, by the join string or by hand, until
// it is.
func (n *Nanoprobe) knock(ctx context.Context, j trust.Join) error {
	place := ""
	if j.Host != "" {
		place = j.Host
		if j.Host != "*" {
			place = netJoin(j.Host, j.Port)
		}
	}
	finder := newFinder(append(append([]string{}, n.cfg.CMA...), place)...)
	k := trust.NewKnock(time.Now(), n.identity.Pub(), j, n.rng)
	complain := time.Now().Add(complainEvery / 6)
	var answered netip.AddrPort
	for !n.identity.Enrolled() {
		now := time.Now()
		if b := k.Poll(now); b != nil {
			n.hello(ctx, now, finder, b)
		}
		if key, ok := k.Admitted(now); ok {
			err := bulk.Enroll(ctx, n.identity, n.about(), answered.String(), bulk.Permission{Join: j, CMA: key})
			if err == nil {
				n.cma = answered
				return nil
			}
			if ctx.Err() != nil {
				return nil
			}
			var refused wire.Refused
			errors.As(err, &refused)
			k.Refused(time.Now(), refused.RetryAfter)
			n.log.Warn("not joined yet", "CMA", answered, "error", err)
		}
		if now.After(complain) {
			n.log.Warn("no CMA answers: " + finder.advice())
			complain = now.Add(complainEvery)
		}
		select {
		case <-ctx.Done():
			return nil
		case p := <-n.packets:
			if wire.PlaneOf(p.Data) == wire.PlaneHelloReply && k.Receive(time.Now(), p.Data) {
				answered = p.Peer
			}
		case <-time.After(max(0, min(time.Second, time.Until(k.Deadline())))):
		}
	}
	return nil
}

// hello sends a stranger's greeting to wherever the CMA may be.
func (n *Nanoprobe) hello(ctx context.Context, now time.Time, f *finder, b []byte) {
	for _, to := range f.where(ctx, now) {
		if err := n.udp.Write(netio.Packet{Data: b, Peer: to}); err != nil {
			n.log.Debug("a greeting was not sent", "to", to, "error", err)
		}
	}
	if f.multicast {
		n.writeGroups(b)
	}
}

// advice says what to do when nobody answers.
func (f *finder) advice() string {
	if len(f.names) == 0 {
		return fmt.Sprintf("nobody on %s or %s, UDP port %d; give the CMA's address with -cma HOST", wire.Group4, wire.Group6, wire.Port)
	}
	return "nobody at " + strings.Join(f.names, ", ") + "; is the CMA running, and does UDP get through? Another address can be given with -cma HOST"
}

func netJoin(host string, port uint16) string {
	if strings.Contains(host, ":") {
		return fmt.Sprintf("[%s]:%d", host, port)
	}
	return fmt.Sprintf("%s:%d", host, port)
}
