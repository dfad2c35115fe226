package config

// didYouMean names the known word nearest to the unknown one, or says nothing
// when none is near.
func didYouMean(prefix, unknown string, known []string) string {
	best := Nearest(unknown, known)
	if best == "" {
		return ""
	}
	suffix := ""
	if prefix == "[" {
		suffix = "]"
	}
	return "; did you mean " + prefix + best + suffix + "?"
}

// Nearest returns the known word nearest to unknown, or "" if none has at least
// half of its letters in common with it.
func Nearest(unknown string, known []string) string {
	best, distance := "", len(unknown)/2+2
	for _, k := range known {
		if d := editDistance(unknown, k); d < distance && 2*d <= max(len(unknown), len(k)) {
			best, distance = k, d
		}
	}
	return best
}

// editDistance is Levenshtein's: how many letters to add, drop or change.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
