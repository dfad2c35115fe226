package cma

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"assim/admin"
	"assim/authority"
	"assim/trust"
	"assim/wire"
)

// Times and limits of changing keys.
const (
	turnEvery   = 500 * time.Millisecond // between two looks at how far it has come
	maxTurning  = 256                    // systems asked, or named to a person, at a time
	renewalTime = 30 * time.Second       // for one nanoprobe to show its new key
	gatherBatch = 2048                   // systems that are called at a look
	gatherTime  = 5 * time.Minute        // in which another one has to come, before the rest are not waited for
)

// turn is the way from one master key to the next, in the brain. Everybody is
// told the new keys of its edges, to be accepted; when all have said that they
// do, to be sent with; when all have, and have their own new key as well, the
// former ones end. Nobody misses a heartbeat on the way. Who is dead or stopped
// is not waited for: it fetches its key when it returns.
type turn struct {
	keys  *trust.CMAKeys
	due   time.Time          // of the next look; zero: the keys are settled
	epoch map[wire.ID]uint16 // the newest that each has used since the turn began
	ids   []wire.ID

	// While the keys are being recovered:
	calls []wire.ID // who is still to be called in this round
	came  int       // how many have come
	last  time.Time // when one did
}

// heard notes whose key an authentic message was sealed with. A recording
// proves it as well: its sender had the key then.
func (t *turn) heard(l *letter) {
	if t.epoch != nil {
		t.epoch[l.id] = max(t.epoch[l.id], l.epoch)
	}
}

// turnOn begins a stage, for everybody.
func (b *brain) turnOn(now time.Time) {
	if b.turn.epoch == nil {
		b.turn.epoch = map[wire.ID]uint16{}
	}
	b.turn.due = now.Add(turnEvery)
	b.auth.Reorder()
}

// goOnTurning looks whether the stage is over.
func (b *brain) goOnTurning(now time.Time) {
	t := &b.turn
	if t.due.IsZero() || now.Before(t.due) {
		return
	}
	t.due = now.Add(turnEvery)
	if t.keys.Stage() == trust.Gathering {
		b.gather(now)
		return
	}
	if len(b.auth.Behind(nil, 1)) > 0 {
		return
	}
	switch t.keys.Stage() {
	case trust.Offering:
		b.next(now, t.keys.TurnEdges())
	case trust.Turned:
		if t.ids = b.keyless(t.ids[:0], maxTurning); len(t.ids) == 0 {
			b.next(now, t.keys.EndEpoch())
			return
		}
		for _, id := range t.ids { // Their answers show which key they have.
			b.ping(id)
		}
	}
}

// gathering reports whether recovered keys are on their way to everybody: the
// rings go on by the former ones meanwhile, which this CMA does not know or does
// not trust, so that nobody is told of any.
func (b *brain) gathering() bool { return b.turn.keys.Stage() == trust.Gathering }

// startGathering begins, or after a restart goes on, to call everybody.
func (b *brain) startGathering(now time.Time) {
	b.turn.due, b.turn.last, b.turn.came = now, now, 0
	b.turn.epoch = map[wire.ID]uint16{}
}

// gather calls those who have not been heard with the recovered keys. A call
// that cannot be opened makes a nanoprobe look for its new key, and one that can
// is answered with it. When all have come, or nobody comes any more, all are
// told their edges' new keys together.
func (b *brain) gather(now time.Time) {
	t := &b.turn
	if came := len(t.epoch); came > t.came {
		t.came, t.last = came, now
	}
	if len(t.calls) == 0 {
		t.calls = b.keyless(t.calls, math.MaxInt)
	}
	if len(t.calls) == 0 || now.Sub(t.last) > gatherTime {
		t.calls = nil
		b.next(now, t.keys.Gathered())
		return
	}
	n := min(len(t.calls), gatherBatch)
	for _, id := range t.calls[:n] {
		if t.epoch[id] != t.keys.Epoch() {
			b.ping(id)
		}
	}
	t.calls = t.calls[n:]
}

// ping asks for a sign of life.
func (b *brain) ping(id wire.ID) {
	if r, ok := b.auth.Record(id); ok {
		b.out.Pings = append(b.out.Pings, authority.Ping{To: id, Addr: r.Addr})
	}
}

func (b *brain) next(now time.Time, err error) {
	if err != nil {
		b.health.failed("the change of the master key", err)
		return
	}
	b.turnOn(now)
	if b.turn.keys.Stage() == trust.Settled {
		b.turn.due, b.turn.epoch = time.Time{}, nil
	}
}

// keyless appends to dst at most limit of those who were not heard with a key of
// the new epoch yet.
func (b *brain) keyless(dst []wire.ID, limit int) []wire.ID {
	present := b.turn.keys.Epoch()
	for id := range b.auth.Present() {
		if len(dst) == limit {
			break
		}
		if b.turn.epoch[id] != present {
			dst = append(dst, id)
		}
	}
	return dst
}

// Rotate changes keys: of one system, of the CMA, or the master key.
func (g Gate) Rotate(ctx context.Context, r admin.RotateRequest) (admin.Rotation, error) {
	switch r.What {
	case "node":
		return g.rotateNode(ctx, r.System)
	case "cma":
		if err := g.c.keys.RotateSigning(); err != nil {
			return admin.Rotation{}, err
		}
		g.c.log.Info("the CMA shows another key", "pin", trust.PinOf(g.c.keys.Pub()))
		return g.Rotation(ctx)
	case "master":
		return g.rotateMaster(ctx)
	}
	return admin.Rotation{}, admin.Badf("%q is not node, cma or master", r.What)
}

// Recover replaces all keys of the CMA by way of the recovery key, for when they
// were stolen.
func (g Gate) Recover(ctx context.Context, line string) (admin.Rotation, error) {
	key, err := trust.ParseRecovery(line)
	if err != nil {
		return admin.Rotation{}, admin.Bad(err)
	}
	if pin := trust.RecoveryPin(key); pin != trust.PinOf(g.c.keys.Recovery) {
		return admin.Rotation{}, admin.Badf("this is the recovery key of another CMA: its pin is %s, this CMA's is %s", pin, trust.PinOf(g.c.keys.Recovery))
	}
	var failed error
	err = g.c.brain.ask(ctx, func() {
		if failed = g.c.keys.Recover(key); failed == nil {
			g.c.brain.startGathering(g.c.now())
		}
	})
	if err := errors.Join(err, failed); err != nil {
		return admin.Rotation{}, err
	}
	g.c.log.Warn("all keys of the CMA are replaced by way of the recovery key", "pin", trust.PinOf(g.c.keys.Pub()))
	return g.Rotation(ctx)
}

func (g Gate) rotateMaster(ctx context.Context) (admin.Rotation, error) {
	var failed error
	err := g.c.brain.ask(ctx, func() {
		if failed = g.c.keys.BeginEpoch(); failed == nil {
			g.c.brain.turnOn(g.c.now())
		}
	})
	switch {
	case err != nil:
		return admin.Rotation{}, err
	case errors.Is(failed, trust.ErrRotating):
		return admin.Rotation{}, admin.Badf("%w; assim rotate shows who is waited for", failed)
	case failed != nil:
		return admin.Rotation{}, failed
	}
	g.c.log.Info("the master key changes", "epoch", g.c.keys.Epoch())
	return g.Rotation(ctx)
}

var stageNames = map[trust.Stage]string{trust.Settled: "settled", trust.Offering: "offering", trust.Turned: "turned", trust.Gathering: "gathering"}

// Rotation tells how far a change of the master key has come.
func (g Gate) Rotation(ctx context.Context) (admin.Rotation, error) {
	b := g.c.brain
	r := admin.Rotation{Pin: trust.PinOf(g.c.keys.Pub()).String(), Waiting: []string{}}
	err := b.ask(ctx, func() {
		stage := g.c.keys.Stage()
		r.Epoch, r.Stage = g.c.keys.Epoch(), stageNames[stage]
		if stage == trust.Settled {
			return
		}
		list := b.auth.Behind(nil, maxTurning)
		if stage == trust.Gathering || len(list) == 0 && stage == trust.Turned {
			list = b.keyless(list[:0], maxTurning)
		}
		for _, id := range list {
			r.Waiting = append(r.Waiting, b.name(id))
		}
	})
	return r, err
}

// renewals are the nanoprobes that are asked to replace their own keys.
type renewals struct {
	mu  sync.Mutex
	ids map[wire.ID]bool
}

func (r *renewals) wants(id wire.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[id]
}

func (r *renewals) set(id wire.ID, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil {
		r.ids = map[wire.ID]bool{}
	}
	if r.ids[id] = on; !on {
		delete(r.ids, id)
	}
}

// rotateNode asks a nanoprobe for another key of its own, and waits until it
// has shown it.
func (g Gate) rotateNode(ctx context.Context, who string) (admin.Rotation, error) {
	m, err := g.find(ctx, who)
	if err != nil {
		return admin.Rotation{}, err
	}
	if m.Revoked {
		return admin.Rotation{}, admin.Badf("%s is put out; assim pardon lets it in again", who)
	}
	g.c.renewals.set(m.ID, true)
	defer g.c.renewals.set(m.ID, false)
	for end := g.c.now().Add(renewalTime); g.c.now().Before(end); {
		err := g.c.brain.ask(ctx, func() { g.c.brain.ping(m.ID) })
		if err != nil {
			return admin.Rotation{}, err
		}
		if !pause(ctx, turnEvery) {
			return admin.Rotation{}, ctx.Err()
		}
		if _, _, old := g.c.registry.ByKey(m.Pub); !old {
			g.c.log.Info("a nanoprobe has another key", "id", m.ID, "name", m.Name)
			return g.Rotation(ctx)
		}
	}
	return admin.Rotation{}, fmt.Errorf("%s did not show a new key within %v: the one it has stays good; try again when assim system %s shows it up", who, renewalTime, who)
}
