// Package cma is the server: it lets nanoprobes in, tells them their neighbors,
// takes in what they report and discover, and keeps all of it in the graph.
//
//	UDP ──▶ receivers ──▶ brain ──────────▶ committer ──▶ store
//	        open seals    owns the cores     one writer     │
//	TCP ──▶ bulk ──▶ inbox ──▶ workers ──────┘              ▼
//	                 fair      run plugins               journal ──▶ events
//
// Nothing is acknowledged before it is durable. Every queue is bounded: what
// does not fit is not acknowledged, and comes again.
package cma

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"iter"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"assim/authority"
	"assim/discovery"
	"assim/discovery/all"
	"assim/graph"
	"assim/netio"
	"assim/session"
	"assim/trust"
	"assim/trust/bulk"
	"assim/wire"
)

// Config is what an operator may set; see cmd/cma for the settings.
type Config struct {
	Data string // directory of keys
	// Recovery is the file of the recovery key, for when the keys in Data are lost.
	Recovery string
	Run      string // directory of the local sockets
	// LocalUser may join by the local socket besides root; 0: nobody.
	LocalUser uint32
	Listen    string // ADDRESS:PORT for UDP and TCP; an empty address is all of them
	Timing    wire.Timing
	// Classes of systems have another impatience; the first that fits counts.
	Classes []authority.Class
	// Schedule is what every nanoprobe is told about its discovery types.
	Schedule []wire.Schedule
	Policy   trust.Policy
	Store    string // for people: where the graph is
	// Operators serves an operator's connection from elsewhere until it ends; nil:
	// only this host's operators are served.
	Operators func(context.Context, *tls.Conn)
	// Mappings turn the documents of the site's own discovery scripts into graph.
	Mappings map[string]func(graph.Key, []byte) (graph.Change, error)
}

// readBuffer is the kernel's buffer for datagrams: a hundred thousand
// announcements, each of which takes 1,280 bytes there of the twice as many that
// it grants. Only what waits takes memory.
const readBuffer = 64 << 20

// The files of the run directory that a nanoprobe of this host looks for.
const (
	joinSocket  = "join.sock"
	addressFile = "address"
)

// CMA is one server.
type CMA struct {
	cfg      Config
	log      *slog.Logger
	store    graph.Store
	now      func() time.Time
	started  time.Time
	keys     *trust.CMAKeys
	registry *trust.Registry
	health   *health
	Journal  *Journal // for package api
	commits  *committer
	inbox    *inbox
	ingest   *ingest
	deriver  *deriver
	brain    *brain
	door     *doorman
	crush    crush
	udp      *netio.UDP
	tcp      net.Listener
	join     *net.UnixListener
	ready    chan struct{}
	writing  writer

	reindexing sync.Mutex // one Reindex at a time
	renewals   renewals   // nanoprobes that shall replace their own keys
}

// New returns a CMA over a store that is open. It reads back what an earlier
// run stored and makes its keys if there are none.
func New(ctx context.Context, cfg Config, store graph.Store, log *slog.Logger) (*CMA, error) {
	c := &CMA{cfg: cfg, log: log, store: store, now: time.Now, inbox: newInbox(), ready: make(chan struct{})}
	c.started = c.now()
	c.health = newHealth(log, c.now)
	c.writing.lost = func(n int) { c.health.add("signals not sent", n) }
	if _, err := listenAddress(cfg.Listen); err != nil {
		return nil, err // before anything is made
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("cma: its directory: %w; choose another with -data", err)
	}
	var err error
	var made bool
	if c.keys, made, err = loadKeys(cfg, log); err != nil {
		return nil, err
	}
	if made {
		log.Info("keys made; put the recovery key away, it lets the nanoprobes follow you if this host is lost",
			"recovery", filepath.Join(cfg.Data, trust.RecoveryFile))
	}
	if c.Journal, err = openJournal(ctx, store); err != nil {
		return nil, err
	}
	said, err := openMarks(ctx, store)
	if err != nil {
		return nil, err
	}
	c.commits = newCommitter(store, c.Journal, said, log, c.health)
	if c.registry, err = trust.NewRegistry(&records{store: store}); err != nil {
		return nil, err
	}
	if n := c.registry.Count(); made && n > 0 && c.keys.Stage() != trust.Gathering {
		log.Error("the keys of this CMA are gone: its systems take it for another one. Stop it, and put "+trust.CMAKeysFile+
			" back from a backup, or remove it and "+trust.RecoveryFile+" and start with -recovery and the recovery key", "systems", n)
	}
	c.ingest = &ingest{store: store, commits: c.commits, plugins: map[string]*discovery.Plugin{}, health: c.health, now: c.now, stored: c.stored}
	for name, g := range cfg.Mappings {
		c.ingest.plugins[name] = &discovery.Plugin{Graph: g}
	}
	for _, p := range all.Plugins { // A site cannot replace what is built in.
		c.ingest.plugins[p.Of.Name] = p
	}
	if c.deriver, err = newDeriver(store, all.Plugins, c.commits, c.health, c.now); err != nil {
		return nil, err
	}
	c.brain, err = c.newBrain(ctx)
	return c, err
}

// loadKeys reads the CMA's keys, or makes them. Lost ones are replaced by way of
// the recovery key, if there is one.
func loadKeys(cfg Config, log *slog.Logger) (keys *trust.CMAKeys, made bool, err error) {
	var key ed25519.PrivateKey
	if cfg.Recovery != "" {
		if key, err = trust.LoadRecoveryKey(cfg.Recovery); err != nil {
			return nil, false, fmt.Errorf("cma: -recovery: %w", err)
		}
	}
	file := filepath.Join(cfg.Data, trust.CMAKeysFile)
	if _, err = os.Stat(file); cfg.Recovery == "" || err == nil {
		if keys, made, err = trust.LoadCMAKeys(cfg.Data); err != nil {
			return keys, made, err
		}
		if pin := trust.PinOf(keys.Recovery); key != nil && pin != trust.RecoveryPin(key) {
			return nil, false, fmt.Errorf("cma: -recovery: %s belongs to another recovery key (%s) than %s (%s); if it was made after the keys were lost, move it and %s away and start again",
				file, pin, cfg.Recovery, trust.RecoveryPin(key), trust.RecoveryFile)
		}
		return keys, made, renewFormer(keys, log)
	}
	if keys, err = trust.RecoverCMAKeys(cfg.Data, key); err == nil {
		log.Warn("the CMA has new keys by way of the recovery key; its systems follow", "pin", trust.PinOf(keys.Pub()))
	}
	return keys, false, err
}

// renewFormer does for a CMA of an earlier version what assim rotate master does.
func renewFormer(keys *trust.CMAKeys, log *slog.Logger) error {
	begun, err := keys.RenewFormer()
	if begun && err == nil {
		log.Warn("an earlier version made the keys of heartbeats in another way: the master key changes by itself, and a system may be called unresponsive for a moment", "epoch", keys.Epoch())
	}
	return err
}

// newBrain makes the cores and fills them with what an earlier run stored.
func (c *CMA) newBrain(ctx context.Context) (*brain, error) {
	rng := mathrand.New(mathrand.NewPCG(mathrand.Uint64(), mathrand.Uint64()))
	b := &brain{
		now: c.now, commits: c.commits, inbox: c.inbox, health: c.health, transmit: c.transmit,
		sent:  func() { c.writing.flush(c.udp) },
		sess:  session.NewCMA(trust.NewCookie()),
		slots: session.Slots{Every: bulkEvery},
		mail:  make(chan letter, maxMail), quick: make(chan letter, maxQuick), results: make(chan func(), maxMail), asks: make(chan func()),
		ended:    make(chan struct{}),
		known:    c.registry.SameMachine,
		joined:   c.joined,
		sweepKey: c.keys.SweepKey,
	}
	b.auth = authority.New(authority.Config{
		Timing: c.cfg.Timing, Classes: c.cfg.Classes, Schedule: c.cfg.Schedule,
		Key:  c.keys.EdgeKey,
		Also: c.keys.EdgeAlso,
	}, rng)
	if err := b.restore(ctx, c.store, c.cfg.fingerprint()); err != nil {
		return nil, err
	}
	b.turn.keys = c.keys
	switch c.keys.Stage() { // An earlier run began it.
	case trust.Settled:
	case trust.Gathering:
		b.startGathering(c.now())
	default:
		b.turnOn(c.now())
	}
	return b, nil
}

func (c *CMA) joined(id wire.ID) string {
	m, err := c.registry.Node(id)
	if err != nil {
		c.health.failed("the name of "+id.String(), err)
	}
	return m.Name
}

// Run serves until ctx ends, and returns when everything it started has ended.
func (c *CMA) Run(ctx context.Context) (err error) {
	if err := c.open(); err != nil {
		return err
	}
	defer c.close()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var front, back sync.WaitGroup
	writing, stopWriting := context.WithCancel(context.Background())
	back.Go(func() { c.commits.run(writing) })
	front.Go(func() { c.brain.run(inner) })
	front.Go(func() { c.inbox.work(inner, 2*runtime.NumCPU()+2, c.ingest.handle) })
	front.Go(func() { c.deriver.run(inner) })
	front.Go(func() { c.receive(inner) })
	front.Go(func() { c.follow(inner) })
	server := &bulk.Server{
		Enroller: &trust.Enroller{Registry: c.registry, Keys: c.keys, Policy: c.cfg.Policy},
		Backend:  backend{c}, Enrolled: c.enrolled, Refused: c.refused, LocalUser: c.cfg.LocalUser,
	}
	if c.cfg.Operators != nil {
		server.API, server.APIConfig = c.cfg.Operators, &tls.Config{}
	}
	failed := make(chan error, 2)
	front.Go(func() { failed <- server.Serve(inner, c.tcp) })
	front.Go(func() { failed <- server.ServeLocal(inner, c.join) })
	c.log.Info("CMA runs", "listen", c.tcp.Addr(), "store", c.cfg.Store, "systems", c.registry.Count())
	close(c.ready)
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	c.udp.Close()
	front.Wait()
	stopWriting()
	back.Wait()
	c.log.Info("CMA stopped")
	return err
}

// open takes the ports and sockets.
func (c *CMA) open() (err error) {
	at, err := listenAddress(c.cfg.Listen)
	if err != nil {
		return err
	}
	if c.udp, err = netio.Listen(netio.Options{Port: int(at.Port()), Bind: at.Addr(), ReadBuffer: readBuffer, Errors: true}); err != nil {
		return err
	}
	host := ""
	if at.Addr().IsValid() {
		host = at.Addr().String()
	}
	if c.tcp, err = net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(c.udp.Port()))); err != nil {
		c.udp.Close()
		return fmt.Errorf("cma: TCP port %d: %w; choose another with -listen", c.udp.Port(), err)
	}
	if c.join, err = bulk.ListenLocal(filepath.Join(c.cfg.Run, joinSocket), c.cfg.LocalUser != 0); err != nil {
		c.udp.Close()
		c.tcp.Close()
		return err
	}
	for _, g := range []netip.Addr{wire.Group4, wire.Group6} {
		if _, err := c.udp.Join(g); err != nil {
			c.log.Warn("nanoprobes cannot find this CMA by multicast; give them its address", "group", g, "error", err)
		}
	}
	if host == "" {
		host = "127.0.0.1"
	}
	address := net.JoinHostPort(host, fmt.Sprint(c.udp.Port()))
	if err := os.WriteFile(filepath.Join(c.cfg.Run, addressFile), []byte(address+"\n"), 0o644); err != nil {
		c.close()
		return fmt.Errorf("cma: %w; choose another directory with -run", err)
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:])
	c.door = &doorman{Doorman: trust.NewDoorman(c.registry, c.keys, c.cfg.Policy, &session.Slots{Every: bulkEvery}, secret)}
	return nil
}

func (c *CMA) close() {
	_ = c.udp.Close()
	_ = c.tcp.Close()
	_ = c.join.Close()
	_ = os.Remove(filepath.Join(c.cfg.Run, addressFile))
}

// listenAddress reads [ADDRESS]:PORT.
func listenAddress(s string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("cma: -listen %q is not [ADDRESS]:PORT, e.g. :1984: %w", s, err)
	}
	var n uint16
	if _, err := fmt.Sscan(port, &n); err != nil {
		return netip.AddrPort{}, fmt.Errorf("cma: -listen %q: %q is not a port number", s, port)
	}
	if host == "" {
		return netip.AddrPortFrom(netip.Addr{}, n), nil
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("cma: -listen %q: %w", s, err)
	}
	return netip.AddrPortFrom(addr, n), nil
}

// Ready is closed when the CMA serves.
func (c *CMA) Ready() <-chan struct{} { return c.ready }

// follow joins the multicast groups again when interfaces come, quietly.
func (c *CMA) follow(ctx context.Context) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, g := range []netip.Addr{wire.Group4, wire.Group6} {
				_, _ = c.udp.Join(g) // said at the start
			}
		}
	}
}

// records is the registry's view of the store.
type records struct{ store graph.Store }

func (r *records) Put(list ...graph.Record) error {
	_, err := r.store.Apply(context.Background(), graph.Change{Source: "cma/registry", Keep: true, Records: list})
	return err
}

func (r *records) Get(bucket, name string) ([]byte, error) {
	return r.store.Record(context.Background(), bucket, name)
}

func (r *records) Walk(bucket string) iter.Seq2[graph.Record, error] {
	return r.store.Records(context.Background(), bucket)
}

// restore fills the cores with what an earlier run stored.
func (b *brain) restore(ctx context.Context, store graph.Store, desired [sha256.Size]byte) error {
	seats, versions, err := readSeats(ctx, store)
	if err != nil {
		return err
	}
	now := b.now()
	if id, err := store.Record(ctx, localRecord.Bucket, localRecord.Name); err == nil && len(id) == len(wire.ID{}) {
		b.auth.SetLocal(wire.ID(id))
	}
	names, err := readSwitches(ctx, store)
	if err != nil {
		return err
	}
	names.tell(b.auth)
	said, err := Marks(ctx, store)
	if err != nil {
		return err
	}
	for _, m := range said {
		b.sess.Restore(m)
	}
	for i := range seats {
		m := said[seats[i].ID]
		seats[i].Session, seats[i].Gen = m.Session, m.Gen
	}
	b.auth.Restore(now, seats, versions, &b.out)
	if err := b.refresh(ctx, store, desired); err != nil {
		return err
	}
	for _, s := range seats {
		b.rings.know(s.ID, s.Membership)
	}
	return nil
}

// enrolled and refused hear from the bulk plane who came and who may not.
func (c *CMA) enrolled(id wire.ID, about *wire.Announce, from netip.AddrPort) {
	c.health.count("enrollments")
	if !from.IsValid() {
		c.local(id)
	}
	c.log.Info("a system joined", "id", id, "name", about.Name, "from", from)
}

// desiredRecord keeps a fingerprint of the configuration that everybody was told.
var desiredRecord = graph.Record{Bucket: "cma", Name: "desired"}

// fingerprint is another one when the configuration wants something else of the
// nanoprobes.
func (c *Config) fingerprint() [sha256.Size]byte {
	text := wire.AppendDesired(nil, &wire.Desired{Timing: c.Timing, Schedule: c.Schedule})
	for _, class := range c.Classes {
		text = fmt.Append(text, class)
	}
	return sha256.Sum256(text)
}

// refresh tells everybody anew when the configuration is not what it was.
func (b *brain) refresh(ctx context.Context, store graph.Store, sum [sha256.Size]byte) error {
	was, err := store.Record(ctx, desiredRecord.Bucket, desiredRecord.Name)
	if err == nil && bytes.Equal(was, sum[:]) {
		return nil
	}
	b.auth.Refresh()
	r := desiredRecord
	r.Value = sum[:]
	_, err = store.Apply(ctx, graph.Change{Source: "cma/desired", Keep: true, Records: []graph.Record{r}})
	return err
}

// localRecord keeps which nanoprobe is on this host: what it alone says may be
// the CMA's own network.
var localRecord = graph.Record{Bucket: "cma", Name: "local"}

// local notes the nanoprobe of this host.
func (c *CMA) local(id wire.ID) {
	r := localRecord
	r.Value = id[:]
	if err := c.commits.do(context.Background(), graph.Change{Source: "cma/local", Keep: true, Records: []graph.Record{r}}); err != nil {
		c.health.failed("which nanoprobe is on this host", err)
	}
	c.brain.post(func() { c.brain.auth.SetLocal(id) })
}

func (c *CMA) refused(about *wire.Announce, from netip.AddrPort, why error) {
	c.health.count("refusals")
	name := "somebody"
	if about != nil {
		name = about.Name
	}
	c.log.Warn("refused", "name", name, "from", from, "reason", why)
}

// backend is what the bulk plane does with documents.
type backend struct{ c *CMA }

// Document puts a document in the inbox and waits for its receipt.
func (b backend) Document(ctx context.Context, from wire.ID, d *wire.Document) wire.DocumentAck {
	result := make(chan receipt, 1)
	p := parcel{from: from, kind: wire.KindDocument, body: wire.AppendDocument(nil, d), done: func(r receipt) { result <- r }}
	for b.c.inbox.put(p) != nil {
		if !pause(ctx, busyPause) {
			return wire.DocumentAck{} // it comes again
		}
	}
	select {
	case r := <-result:
		switch {
		case r.stale:
			return wire.DocumentAck{Have: r.want[0].Hash}
		case r.err != nil:
			pause(ctx, busyPause)
			return wire.DocumentAck{}
		}
		return wire.DocumentAck{Stored: true}
	case <-ctx.Done():
		return wire.DocumentAck{}
	}
}

// Recall gives a new nanoprobe what the one before it said, for the types that go
// on from there. Of all others it may not ask: who steals a key learns nothing of
// what its system told in confidence.
func (b backend) Recall(ctx context.Context, from wire.ID, r wire.DocRef) []byte {
	if !slices.ContainsFunc(all.Types, func(t discovery.Type) bool { return t.Name == r.Type && t.Resumes && !t.Secret }) {
		return nil
	}
	view, err := b.c.store.View(ctx, time.Time{})
	if err != nil {
		b.c.health.failed("recalling a document", err)
		return nil
	}
	defer view.Close()
	for d, err := range view.Documents(systemKey(from), r.Type) {
		if err != nil {
			b.c.health.failed("recalling a document", err)
			return nil
		}
		if d.Instance == r.Instance {
			return d.JSON
		}
	}
	return nil
}

// busyPause is waited before what had no room is tried again.
const busyPause = 500 * time.Millisecond

// pause reports whether the time passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Finish has nothing to add: what is desired travels as signals.
func (backend) Finish(wire.ID) (wire.BulkDesired, []wire.DocRef) { return wire.BulkDesired{}, nil }
