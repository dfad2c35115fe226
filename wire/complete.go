package wire

// Complete fills the views that are marked Same with what old says of them. It
// says whether d is whole then; if old is not the generation that d builds upon,
// or does not hold what d takes for granted, d is of no use.
func (d *Desired) Complete(old *Desired) bool {
	if d.Base == 0 {
		return true
	}
	if old == nil || old.Gen != d.Base {
		return false
	}
	for i := range d.Rings {
		if v := &d.Rings[i]; v.Same && !v.complete(old) {
			return false
		}
	}
	d.Base = 0
	return true
}

func (v *RingView) complete(old *Desired) bool {
	for i := range old.Rings {
		o := &old.Rings[i]
		if o.Ring != v.Ring || o.Version != v.Version || o.Sweep != v.Sweep {
			continue
		}
		if len(o.Members) != int(v.Size) || !v.Sweep && int(v.Self) >= len(o.Members) {
			return false // It showed a part of the ring: that may be another one now.
		}
		v.Members, v.Keys, v.Also, v.Same = o.Members, o.Keys, o.Also, false
		return true
	}
	return false
}
