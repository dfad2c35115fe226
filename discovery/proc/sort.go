package proc

import "sort"

// sortBy is slices.SortFunc in little code: that one is compiled anew for every
// type it sorts, 20 kB each.
func sortBy[T any](list []T, compare func(a, b T) int) {
	sort.Slice(list, func(i, j int) bool { return compare(list[i], list[j]) < 0 })
}
