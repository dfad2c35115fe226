// Package nanoprobe is the agent: one loop that owns everything a nanoprobe is.
//
//	UDP socket ──ticks──▶ member ───────▶ heartbeats, reports ─┐
//	           ──signals▶ session ◀───────────────────────────┤
//	kernel, files ──────▶ schedule ─▶ collectors ─▶ documents ─┘
//
// The cores decide; this package carries datagrams, documents and time between
// them. It keeps nothing but its identity file. It needs no privilege to run,
// and says what it cannot see without.
package nanoprobe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"assim/discovery"
	"assim/discovery/all"
	"assim/discovery/script"
	"assim/host"
	"assim/member"
	"assim/netio"
	"assim/session"
	"assim/trust"
	"assim/wire"
)

// Config is what an operator may set; see cmd/nanoprobe for the settings.
type Config struct {
	Data    string   // directory of the identity file
	Run     string   // directory of the CMA's local sockets, on its own host
	CMA     []string // HOST[:PORT] of the CMA; "*" = find it by multicast
	Join    string   // join string, needed once
	Zero    bool     // without a join string, ask to be accepted by hand
	Port    int      // UDP port; another one is taken if it is in use
	Scripts string   // directories of the site's discovery scripts, with : between
}

// Limits of the loop.
const (
	maxPackets  = 1024                   // datagrams read and not handled yet
	patience    = 3                      // tries before the CMA is looked for elsewhere
	tidyDelay   = 500 * time.Millisecond // before memory that was needed is given back
	stopTime    = time.Second            // for the last words; a CMA that answers needs a hundredth of it
	retryAfter  = 2 * time.Second        // at first, when nobody lets us join
	retryAtMost = time.Minute
)

// Nanoprobe is one agent. Only Run's goroutine touches it.
type Nanoprobe struct {
	cfg  Config
	log  *slog.Logger
	rng  *rand.Rand
	host *host.Host

	udp      *netio.UDP
	identity *trust.Identity
	sealer   wire.Sealer
	former   wire.Sealer // of the epoch before
	session  *session.Node
	member   *member.Member
	schedule *discovery.Schedule
	paces    map[string]*pace  // of looks under way that nobody waits for, by type
	paced    *pace             // of the one that ended last; nil: none did
	failures map[string]string // why types cannot be looked at, as logged
	docs     *documents
	recalls  recalls
	troubles atomic.Pointer[troubles] // types that rest or fail, as told
	finder   *finder
	cma      netip.AddrPort // where it answered last; invalid: nowhere yet
	local    netip.Addr     // where it answered to

	packets   chan netio.Packet
	lost      chan netio.Unreachable
	looks     chan look
	events    chan host.Event
	calls     chan func() // from goroutines of bulk contacts
	carriers  map[string]bool
	lacks     map[string]bool // sentences about what is not seen, that were said
	doubtAt   time.Time       // when we come by bulk to see whether our key is good yet; zero: no doubt
	doubtNext time.Time       // no doubt before
	rescueAt  time.Time       // when we come by bulk unasked; zero: we need not
	renewedAt time.Time       // when our own key was last replaced
	tidyAt    time.Time       // when memory that was needed is given back; zero: none is owed
	program   *program
	out       member.Out
	buf       []byte
	running   sync.WaitGroup
}

// New returns a nanoprobe that has done nothing yet.
func New(cfg Config, log *slog.Logger) *Nanoprobe {
	return &Nanoprobe{
		cfg: cfg, log: log, rng: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), host: host.New("/"),
		docs: newDocuments(), failures: map[string]string{}, paces: map[string]*pace{}, carriers: map[string]bool{}, lacks: map[string]bool{},
		packets: make(chan netio.Packet, maxPackets), lost: make(chan netio.Unreachable, 64),
		looks: make(chan look, 4), events: make(chan host.Event, 256), calls: make(chan func()),
	}
}

// Run lives until ctx ends, says goodbye, and returns when everything it
// started has ended.
func (n *Nanoprobe) Run(ctx context.Context) error {
	saveMemory()
	n.program = ownProgram()
	if err := os.MkdirAll(n.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("nanoprobe: its directory: %w; choose another with -data", err)
	}
	unlock, err := lockDir(n.cfg.Data)
	if err != nil {
		return err
	}
	defer unlock()
	if n.identity, err = trust.LoadIdentity(n.cfg.Data, trust.ReadMachine(n.host.Root())); err != nil {
		return err
	}
	if n.udp, err = listen(ports(n.cfg)); err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx)) // the last words are answered
	defer n.running.Wait()
	defer n.udp.Close()
	defer stopReading()
	defer cancel()
	n.running.Go(func() { n.read(reading) })
	if err := n.enroll(ctx); err != nil || !n.identity.Enrolled() {
		return err // not enrolled and no error: it was stopped before
	}
	return n.live(inner)
}

// read hands datagrams to the loop. When the loop is too slow the kernel's
// buffer, and then the network, loses them: heartbeats bear that.
func (n *Nanoprobe) read(ctx context.Context) {
	batch := make([]netio.Packet, 16)
	var gone []netio.Unreachable
	for ctx.Err() == nil {
		count, err := n.udp.Read(batch)
		if err != nil {
			if ctx.Err() == nil {
				n.log.Error("cannot receive", "error", err)
			}
			return
		}
		for _, p := range batch[:count] {
			p.Data = append([]byte(nil), p.Data...)
			select {
			case n.packets <- p:
			case <-ctx.Done():
				return
			}
		}
		if gone, err = n.udp.Unreachables(gone[:0]); err != nil {
			continue
		}
		for _, u := range gone {
			select {
			case n.lost <- u:
			default: // It will be said again.
			}
		}
	}
}

// live is the loop of an enrolled nanoprobe.
func (n *Nanoprobe) live(ctx context.Context) error {
	now := time.Now()
	running, err := n.identity.NextSession(now)
	if err != nil {
		return err
	}
	n.rekeyed()
	n.session = session.NewNode(now, session.DefaultOptions, running, n.rng)
	n.member = member.New(n.identity.ID, running, &member.Config{Start: now}, n.rng)
	n.finder = newFinder(append(append([]string{}, n.cfg.CMA...), n.identity.CMA...)...)
	n.session.Announce(n.about())
	types := n.types()
	n.schedule = discovery.NewSchedule(now, types, n.rng)
	n.watch(ctx, types)
	n.linksChanged(now)
	n.log.Info("nanoprobe runs", "id", n.identity.ID, "port", n.udp.Port(), "session", running)

	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(n.wait())
		select {
		case <-ctx.Done():
			n.farewell()
			return nil
		case p := <-n.packets:
			n.packet(p)
		case u := <-n.lost:
			n.unreachable(u)
		case l := <-n.looks:
			n.looked(time.Now(), l)
		case e := <-n.events:
			n.happened(time.Now(), e)
		case f := <-n.calls:
			f()
		case <-timer.C:
		}
		n.drain()
		if err := n.due(ctx, time.Now()); err != nil {
			return err
		}
	}
}

// drain handles all datagrams that wait: silence is judged only after them.
func (n *Nanoprobe) drain() {
	for {
		select {
		case p := <-n.packets:
			n.packet(p)
		case u := <-n.lost:
			n.unreachable(u)
		default:
			return
		}
	}
}

// due does what time asks for, and sends what there is to send.
func (n *Nanoprobe) due(ctx context.Context, now time.Time) error {
	if d := n.member.Deadline(); !d.IsZero() && !now.Before(d) {
		n.member.Tick(now, &n.out)
	}
	n.budgets(now)
	n.hurry()
	for _, t := range n.schedule.Tick(now) {
		n.begin(ctx, t)
	}
	if !n.tidyAt.IsZero() && !now.Before(n.tidyAt) {
		n.tidy()
	}
	if refs := n.docs.hashes(now); len(refs) > 0 {
		n.session.Hashes(refs)
	}
	n.rescue(ctx, now)
	n.settleDoubt(ctx, now)
	n.settle(now)
	if err := n.news(ctx, now); err != nil {
		return err
	}
	n.release()
	for {
		m, ok := n.session.Poll(now)
		if !ok {
			break
		}
		n.toCMA(ctx, now, &m)
	}
	return n.news(ctx, now)
}

// wait is how long nothing is due.
func (n *Nanoprobe) wait() time.Duration {
	var first time.Time
	for _, d := range []time.Time{n.member.Deadline(), n.schedule.Deadline(), n.session.Deadline(), n.docs.tellAt, n.tidyAt, n.rescueAt, n.doubtAt} {
		if !d.IsZero() && (first.IsZero() || d.Before(first)) {
			first = d
		}
	}
	if first.IsZero() {
		return time.Minute
	}
	return max(0, time.Until(first))
}

// settle sends what the member wants sent, and takes its reports over.
func (n *Nanoprobe) settle(now time.Time) {
	for i := range n.out.Sends {
		s := &n.out.Sends[i]
		if s.Key == nil {
			continue
		}
		n.buf = wire.AppendTick(n.buf[:0], &s.Tick, *s.Key, s.Dir)
		if err := n.udp.Write(netio.Packet{Data: n.buf, Peer: s.Addr}); err != nil {
			n.log.Debug("a heartbeat was not sent", "to", s.Addr, "error", err)
		}
	}
	if len(n.out.Reports) > 0 {
		n.session.Report(now, n.out.Reports)
	}
	if n.out.AskCMA {
		n.session.Ask()
	}
	n.out.Reset()
}

// packet takes one datagram in.
func (n *Nanoprobe) packet(p netio.Packet) {
	now := time.Now()
	switch wire.PlaneOf(p.Data) {
	case wire.PlaneTick:
		n.tick(now, p)
	case wire.PlaneSignal:
		n.signal(now, p)
	}
}

func (n *Nanoprobe) tick(now time.Time, p netio.Packet) {
	edge, ok := wire.TickEdge(p.Data)
	if !ok {
		return
	}
	peer, ok := n.member.Peer(edge)
	if !ok || peer.Key == nil {
		n.member.Stranger(now, p.Peer, &n.out)
		return
	}
	t, err := wire.OpenTick(p.Data, *peer.Key, peer.Dir)
	if err != nil && peer.Also != nil {
		t, err = wire.OpenTick(p.Data, *peer.Also, peer.Dir)
	}
	if err != nil {
		return // forged or damaged: it means nothing
	}
	n.member.Heard(now, p.Peer, &t, &n.out)
}

func (n *Nanoprobe) signal(now time.Time, p netio.Packet) {
	e, err := wire.SignalEnvelope(p.Data)
	if err != nil || e.ID != n.identity.ID {
		return
	}
	sealer, ok := n.opens(e.Epoch)
	if !ok {
		n.doubt(now, &e)
		return
	}
	m, err := wire.OpenSignal(p.Data, sealer, true)
	if err != nil {
		return
	}
	if !n.session.Receive(now, &m) {
		return // a recording, or an answer to what is settled: it proves nothing
	}
	n.member.Voice(now)
	n.answered(now)
	if n.cma != p.Peer {
		n.log.Info("the CMA answers", "at", p.Peer)
	}
	n.cma, n.local = p.Peer, p.Local
}

func (n *Nanoprobe) unreachable(u netio.Unreachable) {
	if id, ok := n.member.ByAddr(u.Peer); ok && u.Port {
		n.member.Unreachable(time.Now(), id, &n.out)
	}
}

// toCMA seals a signal and sends it to where the CMA answered last, or, when
// nobody answers there, to everywhere it may be.
func (n *Nanoprobe) toCMA(ctx context.Context, now time.Time, m *wire.Signal) {
	n.buf = wire.AppendSignal(n.buf[:0], n.sealer,
		wire.Envelope{Epoch: n.identity.Epoch, ID: n.identity.ID, Nonce: trust.Nonce()}, m)
	if n.cma.IsValid() && n.session.Tries() <= patience {
		if n.write(n.cma) {
			return
		}
	}
	for _, place := range n.finder.where(ctx, now) {
		n.write(place)
	}
	if n.finder.multicast {
		n.writeGroups(n.buf)
	}
}

func (n *Nanoprobe) write(to netip.AddrPort) bool {
	if err := n.udp.Write(netio.Packet{Data: n.buf, Peer: to}); err != nil {
		n.log.Debug("a signal was not sent", "to", to, "error", err)
		return false
	}
	return true
}

func (n *Nanoprobe) writeGroups(b []byte) {
	for _, g := range []netip.Addr{wire.Group4, wire.Group6} {
		_, _ = n.udp.WriteGroup(b, netip.AddrPortFrom(g, wire.Port)) // no interface for it is no error here
	}
}

// news acts on what the session has to tell.
func (n *Nanoprobe) news(ctx context.Context, now time.Time) error {
	for _, e := range n.session.Events() {
		switch e.Kind {
		case session.Acked:
			n.docs.stored(e.Ref)
		case session.Wanted:
			n.wants(now, []wire.DocRef{e.Ref})
		case session.NewDesired:
			n.desired(now, e.Gen, e.Data)
		case session.NewSession:
			if _, err := n.identity.SetSession(e.Session); err != nil {
				return err
			}
			n.renewed(now, e.Session)
		case session.OpenBulk:
			n.running.Go(func() { n.bulk(ctx) })
		case session.WasRefused:
			n.log.Warn("the CMA refuses", "reason", e.Refused.Error())
		case session.Overflow:
			n.log.Warn("news had no room in the outbox", "lost", e.Lost)
		}
	}
	return nil
}

// renewed begins the rings anew in a session that the CMA has not heard of.
func (n *Nanoprobe) renewed(now time.Time, s wire.Session) {
	n.member = member.New(n.identity.ID, s, &member.Config{Start: now}, n.rng)
	n.session.Applied(0)
	n.docs.again(now)
}

// put hands a document to the session, as a patch where that is smaller.
func (n *Nanoprobe) put(which name, doc *document) {
	n.untidy(time.Now())
	d, err := doc.pack(which)
	if err != nil {
		n.log.Error("a document cannot be packed", "type", which.typ, "error", err)
		return
	}
	n.session.Put(d, doc.secret)
}

// desired applies what the CMA wants.
func (n *Nanoprobe) desired(now time.Time, gen uint32, data []byte) {
	d, err := wire.ParseDesired(data)
	if err != nil {
		n.log.Error("the CMA's wish is malformed", "generation", gen, "error", err)
		return
	}
	if d.Gen = gen; !n.member.Complete(&d) {
		return // A whole one follows.
	}
	n.member.SetDesired(now, &d, &n.out)
	for _, s := range d.Schedule {
		every := s.Every
		if every < 0 {
			every = discovery.Off
		}
		n.schedule.Set(now, s.Type, every)
	}
	n.session.Applied(gen)
}

// types are the built-in ones and the site's scripts, each ready to collect.
func (n *Nanoprobe) types() []discovery.Type {
	types := slices.Clone(all.Types)
	scripts, problems := script.TypesIn(n.cfg.Scripts, os.DirFS)
	for _, p := range problems {
		n.log.Warn("a discovery script is left out", "directory", n.cfg.Scripts, "error", p)
	}
	for _, s := range scripts {
		if _, taken := all.Find(s.Name); taken {
			n.log.Warn("a discovery script is left out: its name is that of a built-in type", "script", s.Name)
			continue
		}
		types = append(types, s)
	}
	for i := range types {
		if types[i].Make != nil {
			types[i].Collect = types[i].Make()
		}
	}
	return types
}

// watch listens to the kernel, the switch and the files that the types name.
func (n *Nanoprobe) watch(ctx context.Context, types []discovery.Type) {
	var files []string
	for _, t := range types {
		files = append(files, t.Files...)
	}
	n.running.Go(func() {
		err := n.host.Watch(ctx, files, func(e host.Event) {
			select {
			case n.events <- e:
			case <-ctx.Done():
			}
		})
		if err != nil && ctx.Err() == nil {
			n.log.Error("changes of this host are not seen until their next regular look", "error", err)
		}
	})
}

// farewell says goodbye to the neighbors and to the CMA: an orderly stop is
// information, not an alarm.
func (n *Nanoprobe) farewell() {
	n.session.Stop(wire.Stopping{Reason: "nanoprobe stopped"})
	limited, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	for limited.Err() == nil {
		for {
			m, ok := n.session.Poll(time.Now())
			if !ok {
				break
			}
			n.toCMA(limited, time.Now(), &m)
		}
		if n.session.Stopped() {
			break
		}
		select {
		case p := <-n.packets:
			n.packet(p)
		case <-limited.Done():
		case <-time.After(max(time.Millisecond, min(stopTime, time.Until(n.session.Deadline())))):
		}
	}
	n.member.Goodbye(time.Now(), n.session.Stopped(), &n.out)
	n.settle(time.Now())
	n.log.Info("nanoprobe stopped")
}

// lockDir makes sure that one nanoprobe uses a directory at a time.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("nanoprobe: %w", err)
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, errors.New("nanoprobe: another one runs with -data " + dir + "; stop it, or give this one a directory of its own")
	}
	return func() { f.Close() }, nil
}
