package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"assim/wire"
)

func TestAScheduleIsReadAndItsMistakesAreExplained(t *testing.T) {
	got, err := readSchedule([]string{"packages=6h", "sensors=never", "lldp=events"})
	want := []wire.Schedule{{Type: "packages", Every: 6 * time.Hour}, {Type: "sensors", Every: -1}, {Type: "lldp"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for text, says := range map[string]string{
		"packages":      "is not TYPE=INTERVAL",
		"packeges=1h":   "did you mean packages?",
		"packages=1ms":  "at least 1s",
		"packages=soon": "neither never, events, nor a duration",
	} {
		if _, err := readSchedule([]string{text}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want one that says %q", text, err, says)
		}
	}
}
