package nanoprobe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
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

// How often a nanoprobe that is not let in says so.
const (
	complainEvery = time.Minute      // nobody answers, or the same refusal again
	complainFirst = 10 * time.Second // nobody answers, for the first time
)

// maxAddress bounds what the file of an address may hold.
const maxAddress = 300

// grumble decides when there is something to say while we wait to be let in.
type grumble struct {
	silence time.Time // from when on nobody answers, if nothing comes
	said    string    // the last refusal
	again   time.Time // from when on it is said once more
}

// heard is called when a CMA answers.
func (g *grumble) heard(now time.Time) { g.silence = now.Add(complainEvery) }

// silent reports, once in a while, that nobody answers.
func (g *grumble) silent(now time.Time) bool {
	if now.Before(g.silence) {
		return false
	}
	g.silence = now.Add(complainEvery)
	return true
}

// refused reports whether a refusal is news. Nobody is asked before next, so that
// silence means nothing until then.
func (g *grumble) refused(now, next time.Time, why error) bool {
	g.silence = next.Add(complainFirst)
	if why.Error() == g.said && now.Before(g.again) {
		return false
	}
	g.said, g.again = why.Error(), now.Add(complainEvery)
	return true
}

// enroll makes sure that this nanoprobe has an identity from a CMA: the one it
// has, the CMA of this host, or whoever the join string names. It does not
// give up; a refusal makes it slower.
func (n *Nanoprobe) enroll(ctx context.Context) error {
	if !n.identity.Was.IsZero() && !n.identity.Enrolled() {
		n.log.Warn("this disk was copied from another system: a new identity is made", "was", n.identity.Was)
	}
	if n.identity.Enrolled() {
		// The CMA of this host may have got another port meanwhile.
		n.cfg.CMA = append(slices.Clone(n.cfg.CMA), n.addressHere())
		if !n.identity.Weak || n.cfg.Join == "" {
			return nil
		}
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
		also := ""
		if len(n.cfg.CMA) > 0 {
			also = " besides -cma"
		}
		return fmt.Errorf("no permission, and no CMA on this host (%s is not there): on the CMA run `assim join-token create`, and start this nanoprobe with -join and the string it prints%s", socket, also)
	}
	return bulk.EnrollLocal(ctx, n.identity, n.about(), socket, n.localAddress())
}

// localAddress is where the CMA of this host listens.
func (n *Nanoprobe) localAddress() string {
	if at := n.addressHere(); at != "" {
		return at
	}
	return fmt.Sprintf("127.0.0.1:%d", wire.Port)
}

// addressHere is where the CMA of this host says that it listens, empty if there
// is none. Another's than ours does not answer us.
func (n *Nanoprobe) addressHere() string {
	text, err := os.ReadFile(filepath.Join(n.cfg.Run, AddressFile))
	if err != nil || len(text) > maxAddress {
		return ""
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
	say := grumble{silence: time.Now().Add(complainFirst)}
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
			if next := k.Deadline(); say.refused(now, next, err) {
				n.log.Warn("not joined yet", "CMA", answered, "error", err, "again in", time.Until(next).Round(time.Second))
			}
		}
		if say.silent(now) {
			n.log.Warn("no CMA answers: " + finder.advice(j == trust.Join{}))
		}
		select {
		case <-ctx.Done():
			return nil
		case p := <-n.packets:
			if wire.PlaneOf(p.Data) == wire.PlaneHelloReply && k.Receive(time.Now(), p.Data) {
				answered = p.Peer
				say.heard(time.Now())
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

// advice says what to do when nobody answers. Who has no join string is answered
// by few.
func (f *finder) advice(stranger bool) string {
	text := "nobody at " + strings.Join(f.names, ", ") + "; is the CMA running, and does UDP get through? Another address can be given with -cma HOST"
	if len(f.names) == 0 {
		text = fmt.Sprintf("nobody on %s or %s, UDP port %d; give the CMA's address with -cma HOST", wire.Group4, wire.Group6, wire.Port)
	}
	if stranger {
		text += ". Without a join string only a CMA with -zero-configuration answers, and none with -strict: the sure way is `assim join-token create` there, and -join here"
	}
	return text
}

func netJoin(host string, port uint16) string {
	if strings.Contains(host, ":") {
		return fmt.Sprintf("[%s]:%d", host, port)
	}
	return fmt.Sprintf("%s:%d", host, port)
}
