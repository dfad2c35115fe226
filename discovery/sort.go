package discovery

import "sort"

// Sort sorts a list by compare, like slices.SortFunc. That one is compiled anew
// for every type it sorts, 14 kB each, and an agent with 60 lists notices.
func Sort[T any](list []T, compare func(a, b T) int) {
	sort.Sort(order[T]{list, compare})
}

// SortStable is Sort that leaves equal elements in their order.
func SortStable[T any](list []T, compare func(a, b T) int) {
	sort.Stable(order[T]{list, compare})
}

type order[T any] struct {
	list    []T
	compare func(a, b T) int
}

func (o order[T]) Len() int           { return len(o.list) }
func (o order[T]) Less(i, j int) bool { return o.compare(o.list[i], o.list[j]) < 0 }
func (o order[T]) Swap(i, j int)      { o.list[i], o.list[j] = o.list[j], o.list[i] }
