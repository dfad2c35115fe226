package cypher

import (
	"time"
)

// makeTemporal is date(x), time(x) and their like; now answers the empty call.
func makeTemporal(kind string, arg any, now time.Time) (any, error) {
	switch x := arg.(type) {
	case nil:
		return nil, nil
	case string:
		return parseTemporal(kind, x)
	case map[string]any:
		for _, v := range x {
			if v == nil {
				return nil, nil
			}
		}
		if kind == "duration" {
			return durationFromMap(x)
		}
		return buildTemporal(kind, x, now)
	case Duration:
		if kind == "duration" {
			return x, nil
		}
	}
	if isTemporal(arg) && kind != "duration" {
		if _, isDuration := arg.(Duration); !isDuration {
			return buildTemporal(kind, map[string]any{"datetime": arg}, now)
		}
	}
	return nil, failed(TypeError, "InvalidArgumentType", "%s() cannot be made of %s", kind, typeName(arg))
}

// currentTemporal is what date() and the like answer.
func currentTemporal(kind string, now time.Time, zoneArg any) (any, error) {
	z := zone{}
	if s, ok := zoneArg.(string); ok {
		var err error
		if z, err = parseZone(s); err != nil {
			return nil, err
		}
	}
	t := atInstant(now.Unix(), int64(now.Nanosecond()), z)
	return convertTemporal(kind, t), nil
}

// convertTemporal keeps of a DateTime what kind holds.
func convertTemporal(kind string, t DateTime) any {
	switch kind {
	case "date":
		return Date{t.days}
	case "localtime":
		return LocalTime{t.ns}
	case "time":
		return Time{t.ns, t.offset}
	case "localdatetime":
		return LocalDateTime{t.days, t.ns}
	}
	return t
}

// fields are the numbers of a map that a temporal value is built of.
type fields struct {
	m   map[string]any
	err error

	// keepFraction is for truncation: a nanosecond then adds to the
	// milliseconds that are left, where it otherwise replaces all of them.
	keepFraction bool
}

// get returns a field as an integer, or def.
func (f *fields) get(name string, def int64) int64 {
	switch v := f.m[name].(type) {
	case nil:
		return def
	case int64:
		return v
	default:
		if f.err == nil {
			f.err = badTemporal("%s must be an integer, not %s", name, typeName(v))
		}
	}
	return def
}

func (f *fields) has(names ...string) bool {
	for _, n := range names {
		if _, ok := f.m[n]; ok {
			return true
		}
	}
	return false
}

var temporalFields = map[string]bool{"date": true, "time": true, "datetime": true, "year": true, "month": true, "day": true,
	"week": true, "dayOfWeek": true, "ordinalDay": true, "quarter": true, "dayOfQuarter": true, "hour": true, "minute": true,
	"second": true, "millisecond": true, "microsecond": true, "nanosecond": true, "timezone": true, "epochSeconds": true, "epochMillis": true}

// buildTemporal makes a value of a map: a base (date, time, datetime) and
// fields that override its parts.
func buildTemporal(kind string, m map[string]any, now time.Time) (any, error) {
	return build(kind, &fields{m: m}, now)
}

func build(kind string, f *fields, now time.Time) (any, error) {
	for k := range f.m {
		if !temporalFields[k] {
			return nil, badTemporal("a %s has no field %q", kind, k)
		}
	}
	if f.has("epochSeconds", "epochMillis") {
		return buildEpoch(kind, f)
	}
	dateBase, timeBase, err := bases(f.m)
	if err != nil {
		return nil, err
	}
	needDate := kind != "localtime" && kind != "time"
	var days, ns int64
	if needDate {
		if days, err = buildDate(f, dateBase); err != nil {
			return nil, err
		}
	}
	if kind != "date" {
		if ns, err = buildClock(f, timeBase, needDate); err != nil {
			return nil, err
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	return f.place(kind, days, ns, timeBase, now)
}

// place puts a local date and time into its zone: that of the timezone field,
// else that of the base, else UTC. Where both are there, the base's zone says
// which instant is meant and the field where to show it.
func (f *fields) place(kind string, days, ns int64, base *moment, now time.Time) (any, error) {
	if kind != "time" && kind != "datetime" {
		return convertTemporal(kind, DateTime{days: days, ns: ns}), nil
	}
	var from zone
	if base != nil && base.zone != nil {
		if from = *base.zone; kind == "time" {
			from = zone{offset: from.offset}
		}
	}
	to, given, err := f.timezone()
	if err != nil {
		return nil, err
	}
	if kind == "time" && to.loc != nil {
		to = zone{offset: to.offsetAt(now.Unix())}
	}
	switch {
	case !given:
		return convertTemporal(kind, from.at(days, ns)), nil
	case base == nil || base.zone == nil:
		return convertTemporal(kind, to.at(days, ns)), nil
	}
	sec, rest := from.at(days, ns).instant()
	return convertTemporal(kind, atInstant(sec, rest, to)), nil
}

// timezone reads the field of that name.
func (f *fields) timezone() (z zone, given bool, err error) {
	tz, given := f.m["timezone"]
	if !given {
		return zone{}, false, nil
	}
	s, isString := tz.(string)
	if !isString {
		return zone{}, true, badTemporal("timezone must be a string, not %s", typeName(tz))
	}
	z, err = parseZone(s)
	return z, true, err
}

func buildEpoch(kind string, f *fields) (any, error) {
	sec, ns := f.get("epochSeconds", 0), f.get("nanosecond", 0)+f.get("microsecond", 0)*1e3+f.get("millisecond", 0)*1e6
	if f.has("epochMillis") {
		ms := f.get("epochMillis", 0)
		sec, ns = floorDiv(ms, 1000), floorMod(ms, 1000)*1e6+ns
	}
	z, _, err := f.timezone()
	if err != nil {
		return nil, err
	}
	if abs(sec) > maxYear*366*secPerDay {
		return nil, badTemporal("%d seconds since the epoch is out of range", sec)
	}
	return orNil(convertTemporal(kind, atInstant(sec+floorDiv(ns, nsPerSecond), floorMod(ns, nsPerSecond), z)), f.err)
}

// bases finds the temporal values a map starts from.
func bases(m map[string]any) (date, clock *moment, err error) {
	for _, name := range []string{"datetime", "date", "time"} {
		v, ok := m[name]
		if !ok {
			continue
		}
		b, ok := momentOf(v)
		if !ok {
			return nil, nil, badTemporal("%s must be a temporal value, not %s", name, typeName(v))
		}
		if name != "time" && b.hasDate {
			date = &b
		}
		if name != "date" && (b.hasTime || b.hasDate) {
			clock = &b
		}
		if name == "date" && !b.hasDate || name == "time" && !b.hasTime {
			return nil, nil, badTemporal("%s has no %s", typeName(v), name)
		}
	}
	return date, clock, nil
}

func hasKey(m map[string]any, k string) bool { _, ok := m[k]; return ok }

func buildDate(f *fields, base *moment) (int64, error) {
	var year, month, day int64 = 0, 1, 1
	var quarterDay, dow, week, weekYear, ordinal, quarter int64 = 1, 1, 1, 0, 1, 1
	if base != nil {
		y, m, d := civil(base.days)
		year, month, day = y, int64(m), int64(d)
		weekYear, week = isoWeek(base.days)
		dow, ordinal, quarter, quarterDay = weekday(base.days), ordinalDay(base.days), quarterOf(m), dayOfQuarter(base.days)
	} else if !f.has("year") {
		return 0, badTemporal("a date needs a year")
	}
	switch {
	case f.has("week", "dayOfWeek"):
		return dateFromWeek(f.get("year", weekYear), f.get("week", week), f.get("dayOfWeek", dow))
	case f.has("ordinalDay"):
		return dateFromOrdinal(f.get("year", year), f.get("ordinalDay", ordinal))
	case base != nil && f.has("quarter") && !f.has("dayOfQuarter"):
		return moveToQuarter(base.days, f.get("year", year), f.get("quarter", quarter))
	case f.has("quarter", "dayOfQuarter"):
		return dateFromQuarter(f.get("year", year), f.get("quarter", quarter), f.get("dayOfQuarter", quarterDay))
	}
	if base == nil && f.has("day") && !f.has("month") {
		return 0, badTemporal("a day needs a month")
	}
	year, month = f.get("year", year), f.get("month", month)
	if base != nil && !f.has("day") && month >= 1 && month <= 12 && abs(year) <= maxYear {
		day = min(day, int64(daysInMonth(year, int(month))))
	}
	return dateFromMonth(year, month, f.get("day", day))
}

// moveToQuarter keeps the month's place within the quarter, and the day where
// the month has it.
func moveToQuarter(days, year, quarter int64) (int64, error) {
	y, m, _ := civil(days)
	if err := checkYear(year); err != nil {
		return 0, err
	}
	if quarter < 1 || quarter > 4 {
		return 0, badTemporal("there is no quarter %d", quarter)
	}
	return addMonths(days, (year-y)*12+(quarter-quarterOf(m))*3), nil
}

func buildClock(f *fields, base *moment, optional bool) (int64, error) {
	var hour, minute, second, ns int64
	if base != nil {
		s := base.ns / nsPerSecond
		hour, minute, second, ns = s/3600, s/60%60, s%60, base.ns%nsPerSecond
	} else if !f.has("hour") && (!optional || f.has("minute", "second", "millisecond", "microsecond", "nanosecond")) {
		return 0, badTemporal("a time needs an hour")
	}
	if f.has("millisecond", "microsecond", "nanosecond") {
		if !f.keepFraction {
			ns = 0
		}
		ns = buildFraction(f, ns)
	}
	return clockNs(f.get("hour", hour), f.get("minute", minute), f.get("second", second), ns)
}

// buildFraction replaces the thousands a field names and keeps the rest.
func buildFraction(f *fields, ns int64) int64 {
	milli, micro, nano := ns/1e6, ns/1e3%1000, ns%1000
	if f.has("millisecond") {
		milli = f.get("millisecond", 0)
	}
	if f.has("microsecond") {
		if micro = f.get("microsecond", 0); micro >= 1000 && !f.has("millisecond") {
			milli = 0
		}
	}
	if f.has("nanosecond") {
		if nano = f.get("nanosecond", 0); nano >= 1000 {
			if !f.has("millisecond") {
				milli = 0
			}
			if !f.has("microsecond") {
				micro = 0
			}
		}
	}
	return milli*1e6 + micro*1e3 + nano
}

// truncateTemporal is date.truncate(unit, value, fields) and its like.
func truncateTemporal(kind, unit string, v any, over map[string]any, now time.Time) (any, error) {
	m, ok := momentOf(v)
	if !ok {
		return nil, failed(TypeError, "InvalidArgumentType", "%s cannot be truncated", typeName(v))
	}
	if kind == "localtime" || kind == "time" {
		m.hasDate = false
	} else if !m.hasDate {
		return nil, badTemporal("%s has no date to truncate", typeName(v))
	}
	if !truncateMoment(&m, unit, kind) {
		return nil, badTemporal("a %s cannot be truncated to %q", kind, unit)
	}
	z := zone{}
	if m.zone != nil {
		z = *m.zone
	}
	fieldsOf := map[string]any{"datetime": any(LocalDateTime{m.days, m.ns})}
	if !m.hasDate {
		fieldsOf = map[string]any{"time": any(LocalTime{m.ns})}
	}
	for k, val := range over {
		fieldsOf[k] = val
	}
	if !hasKey(over, "timezone") && (kind == "datetime" || kind == "time") {
		fieldsOf["timezone"] = z.text()
	}
	return build(kind, &fields{m: fieldsOf, keepFraction: true}, now)
}

// text is what parseZone reads back.
func (z zone) text() string {
	if z.name != "" {
		return z.name
	}
	return formatOffset(z.offset)
}

func truncateMoment(m *moment, unit, kind string) bool {
	step := map[string]int64{"day": nsPerDay, "hour": 3600e9, "minute": 60e9, "second": 1e9, "millisecond": 1e6, "microsecond": 1e3}[unit]
	if step > 0 {
		if kind == "date" && unit != "day" {
			return false
		}
		m.ns -= m.ns % step
		return true
	}
	if !m.hasDate {
		return false
	}
	y, month, _ := civil(m.days)
	m.ns = 0
	switch unit {
	case "millennium":
		m.days = daysOf(floorDiv(y, 1000)*1000, 1, 1)
	case "century":
		m.days = daysOf(floorDiv(y, 100)*100, 1, 1)
	case "decade":
		m.days = daysOf(floorDiv(y, 10)*10, 1, 1)
	case "year":
		m.days = daysOf(y, 1, 1)
	case "weekYear":
		wy, _ := isoWeek(m.days)
		m.days = weekStart(wy)
	case "quarter":
		m.days = daysOf(y, int(quarterOf(month)-1)*3+1, 1)
	case "month":
		m.days = daysOf(y, month, 1)
	case "week":
		m.days -= weekday(m.days) - 1
	default:
		return false
	}
	return true
}
