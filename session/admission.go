package session

import (
	"net/netip"
	"time"
)

// Slots admits bulk contacts at the rate that the CMA can take. The zero value
// admits everybody at once.
type Slots struct {
	Every time.Duration // between two contacts
	Most  time.Duration // the longest wait, however many ask: who comes after gets that; 0 = none
	next  time.Time
}

// Give returns how long the next asker has to wait: at least one unit of the
// wire, so that it is not mistaken for no slot at all.
func (s *Slots) Give(now time.Time) time.Duration {
	if s.next.Before(now) {
		s.next = now
	}
	wait := s.next.Sub(now)
	if s.Most > 0 && wait >= s.Most {
		return s.Most // The turns go on from there when some of them are over.
	}
	s.next = s.next.Add(s.Every)
	return max(wait, time.Millisecond)
}

// Rate is a token bucket's measure.
type Rate struct {
	PerSecond float64
	Burst     float64
}

// maxPrefixes bounds the memory of a Limiter, about 100 B each. Beyond it
// prefixes share one bucket.
const maxPrefixes = 16384

// Limiter bounds how much work strangers cause, per network prefix (/24, /48)
// and altogether.
type Limiter struct {
	prefix, global Rate
	buckets        map[netip.Prefix]*bucket
	all, others    bucket
	swept          time.Time
}

type bucket struct {
	level float64
	at    time.Time
}

// NewLimiter returns a Limiter with full buckets.
func NewLimiter(prefix, global Rate) *Limiter {
	return &Limiter{prefix: prefix, global: global, buckets: map[netip.Prefix]*bucket{}}
}

// Allow reports whether a stranger at from may be listened to now. The
// prefix's bucket is asked first: a flood from one place uses up its own
// bucket, not everybody's.
func (l *Limiter) Allow(now time.Time, from netip.Addr) bool {
	return l.bucketOf(now, from).take(now, l.prefix) && l.all.take(now, l.global)
}

func (l *Limiter) bucketOf(now time.Time, from netip.Addr) *bucket {
	from = from.Unmap()
	bits := 24
	if from.Is6() {
		bits = 48
	}
	p, err := from.WithZone("").Prefix(bits)
	if err != nil {
		return &l.others
	}
	b := l.buckets[p]
	if b != nil {
		return b
	}
	if len(l.buckets) >= maxPrefixes {
		l.sweep(now)
	}
	if len(l.buckets) >= maxPrefixes {
		return &l.others
	}
	b = &bucket{}
	l.buckets[p] = b
	return b
}

// sweep forgets buckets that are full again, at most once a second.
func (l *Limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for p, b := range l.buckets {
		if b.level+now.Sub(b.at).Seconds()*l.prefix.PerSecond >= l.prefix.Burst {
			delete(l.buckets, p)
		}
	}
}

func (b *bucket) take(now time.Time, r Rate) bool {
	if b.at.IsZero() {
		b.level = r.Burst
	} else if d := now.Sub(b.at); d > 0 {
		b.level = min(r.Burst, b.level+d.Seconds()*r.PerSecond)
	}
	b.at = now
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
