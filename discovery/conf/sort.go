package conf

import "sort"

// Sort is slices.SortFunc in little code: that one is compiled anew for every
// type it sorts, 20 kB each, and a nanoprobe sorts some thirty types of short
// lists. Like it, Sort leaves the order of equals open.
func Sort[T any](list []T, compare func(a, b T) int) {
	sort.Slice(list, func(i, j int) bool { return compare(list[i], list[j]) < 0 })
}

// SortStable keeps the order of equals.
func SortStable[T any](list []T, compare func(a, b T) int) {
	sort.SliceStable(list, func(i, j int) bool { return compare(list[i], list[j]) < 0 })
}
