package main

import (
	"fmt"
	"path"
	"strings"

	"assim/authority"
	"assim/wire"
)

var profiles = map[string]wire.Timing{"fast": wire.FastTiming, "default": wire.DefaultTiming, "quiet": wire.QuietTiming}

// readProfiles reads how impatient heartbeats are in general, and for systems
// whose names fit a pattern: NAMES=PROFILE.
func readProfiles(general string, of []string) (wire.Timing, []authority.Class, error) {
	timing, ok := profiles[general]
	if !ok {
		return timing, nil, fmt.Errorf("-profile %q is not fast, default or quiet", general)
	}
	var classes []authority.Class
	for _, text := range of {
		names, profile, ok := strings.Cut(text, "=")
		if _, err := path.Match(names, ""); !ok || names == "" || err != nil {
			return timing, nil, fmt.Errorf("-profile-of %q is not NAMES=PROFILE with * and ? in NAMES, e.g. 'db-*=fast'", text)
		}
		t, known := profiles[profile]
		if !known {
			return timing, nil, fmt.Errorf("-profile-of %s: %q is not fast, default or quiet", names, profile)
		}
		classes = append(classes, authority.Class{Names: names, Timing: t})
	}
	return timing, classes, nil
}
