package cypher

import "strings"

var temporalFunctions = makeTemporalFunctions()

// makeTemporalFunctions builds date(), date.truncate() and so on for every
// kind of temporal value.
func makeTemporalFunctions() map[string]function {
	all := map[string]function{
		"duration": {1, 1, []kind{kMap | kString | kDuration}, of(kDuration), false, func(rt *run, a []any) (any, error) {
			return makeTemporal("duration", a[0], rt.lim.Now)
		}},
		"timestamp": {0, 0, []kind{kAny}, of(kInt), true, func(rt *run, _ []any) (any, error) {
			return rt.lim.Now.UnixMilli(), nil
		}},
		"datetime.fromEpoch": {2, 2, []kind{kInt}, of(kTemporal), false, func(rt *run, a []any) (any, error) {
			return makeTemporal("datetime", map[string]any{"epochSeconds": a[0], "nanosecond": a[1]}, rt.lim.Now)
		}},
		"datetime.fromEpochMillis": {1, 1, []kind{kInt}, of(kTemporal), false, func(rt *run, a []any) (any, error) {
			return makeTemporal("datetime", map[string]any{"epochMillis": a[0]}, rt.lim.Now)
		}},
	}
	for name, unit := range map[string]string{"between": "", "inMonths": "months", "inDays": "days", "inSeconds": "seconds"} {
		all["duration."+name] = function{2, 2, []kind{kTemporal | kString}, of(kDuration), false, func(_ *run, a []any) (any, error) {
			return between(fromText(a[0]), fromText(a[1]), unit)
		}}
	}
	for _, k := range []string{"date", "time", "localtime", "datetime", "localdatetime"} {
		all[k] = function{0, 1, []kind{kMap | kString | kTemporal}, of(kTemporal), true, func(rt *run, a []any) (any, error) {
			if len(a) == 0 {
				return currentTemporal(k, rt.lim.Now, nil)
			}
			return makeTemporal(k, a[0], rt.lim.Now)
		}}
		for _, clock := range []string{"transaction", "statement", "realtime"} {
			all[k+"."+clock] = function{0, 1, []kind{kString}, of(kTemporal), false, func(rt *run, a []any) (any, error) {
				if len(a) == 0 {
					return currentTemporal(k, rt.lim.Now, nil)
				}
				return currentTemporal(k, rt.lim.Now, a[0])
			}}
		}
		all[k+".truncate"] = function{1, 3, []kind{kString, kTemporal | kString, kMap}, of(kTemporal), false, func(rt *run, a []any) (any, error) {
			return truncateCall(k, rt, a)
		}}
	}
	return all
}

// fromText reads a string as the temporal value it looks like.
func fromText(v any) any {
	if s, ok := v.(string); ok {
		if t := anyTemporal(s); t != nil {
			return t
		}
	}
	return v
}

func truncateCall(kind string, rt *run, a []any) (any, error) {
	unit, ok := a[0].(string)
	if !ok {
		return nil, wrongArg(kind+".truncate", a[0])
	}
	var v any
	if len(a) > 1 {
		v = fromText(a[1])
	} else {
		now, err := currentTemporal("datetime", rt.lim.Now, nil)
		if err != nil {
			return nil, err
		}
		v = now
	}
	var over map[string]any
	if len(a) == 3 {
		if over, ok = a[2].(map[string]any); !ok {
			return nil, wrongArg(kind+".truncate", a[2])
		}
	}
	if strings.EqualFold(unit, "weekYear") {
		unit = "weekYear"
	}
	return truncateTemporal(kind, unit, v, over, rt.lim.Now)
}
