package main

import (
	"strings"
	"time"
)

// clock shows a stored time as people here read it.
func clock(v any) string {
	t, err := time.Parse(time.RFC3339Nano, cell(v))
	if err != nil {
		return cell(v)
	}
	return t.Local().Format(time.DateTime)
}

// whenHere shows the times in a sentence of the CMA, which are in UTC, as people
// here read them.
func whenHere(text string) string {
	words := strings.SplitAfter(text, " ")
	for i, w := range words {
		core := strings.TrimRight(w, " .,;:)")
		if t, err := time.Parse(time.RFC3339Nano, core); err == nil {
			words[i] = t.Local().Format("2006-01-02 15:04:05.0") + w[len(core):]
		}
	}
	return strings.Join(words, "")
}
