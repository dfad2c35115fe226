package cypher

import (
	"strconv"
	"strings"
	"time"
)

// parseDate reads the ISO 8601 forms: 2015-07-21, 20150721, 2015-07, 201507,
// 2015-W30-2, 2015W302, 2015-W30, 2015W30, 2015-202, 2015202, 2015, and a
// signed year of up to nine digits with dashes.
func parseDate(text string) (int64, error) {
	bad := badTemporal("%q is not a date such as 2015-07-21", text)
	sign, rest := int64(1), text
	signed := false
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		signed = true
		if rest[0] == '-' {
			sign = -1
		}
		rest = rest[1:]
	}
	digits := 4
	if signed {
		if digits = strings.IndexByte(rest, '-'); digits < 0 {
			digits = len(rest)
		}
	}
	if digits < 4 || digits > 9 || len(rest) < digits {
		return 0, bad
	}
	year, ok := number10(rest[:digits])
	if !ok {
		return 0, bad
	}
	year *= sign
	rest = rest[digits:]
	dashed := strings.HasPrefix(rest, "-")
	rest = strings.TrimPrefix(rest, "-")
	if strings.HasPrefix(rest, "W") {
		return parseWeekDate(year, rest[1:], bad)
	}
	if rest == "" && dashed {
		return 0, bad
	}
	return parseMonthDate(year, rest, dashed, bad)
}

func parseWeekDate(year int64, rest string, bad error) (int64, error) {
	rest = strings.Replace(rest, "-", "", 1)
	if len(rest) != 2 && len(rest) != 3 {
		return 0, bad
	}
	n, ok := number10(rest)
	if !ok {
		return 0, bad
	}
	week, dow := n, int64(1)
	if len(rest) == 3 {
		week, dow = n/10, n%10
	}
	return dateFromWeek(year, week, dow)
}

func parseMonthDate(year int64, rest string, dashed bool, bad error) (int64, error) {
	month, day := int64(1), int64(1)
	var ok = true
	switch {
	case rest == "":
	case len(rest) == 3:
		n, isNumber := number10(rest)
		if !isNumber {
			return 0, bad
		}
		return dateFromOrdinal(year, n)
	case len(rest) == 2:
		month, ok = number10(rest)
	case len(rest) == 4 && !dashed:
		var n int64
		n, ok = number10(rest)
		month, day = n/100, n%100
	case len(rest) == 5 && dashed && rest[2] == '-':
		var okDay bool
		month, ok = number10(rest[:2])
		day, okDay = number10(rest[3:])
		ok = ok && okDay
	default:
		ok = false
	}
	if !ok {
		return 0, bad
	}
	return dateFromMonth(year, month, day)
}

// number10 reads unsigned decimal digits only.
func number10(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return int64(n), err == nil
}

const maxYear = 999_999_999

func checkYear(year int64) error {
	if abs(year) > maxYear {
		return badTemporal("the year %d is out of range", year)
	}
	return nil
}

func dateFromMonth(year, month, day int64) (int64, error) {
	if err := checkYear(year); err != nil {
		return 0, err
	}
	if month < 1 || month > 12 {
		return 0, badTemporal("there is no month %d", month)
	}
	if day < 1 || day > int64(daysInMonth(year, int(month))) {
		return 0, badTemporal("there is no day %d in month %d of %d", day, month, year)
	}
	return daysOf(year, int(month), int(day)), nil
}

func dateFromWeek(year, week, dow int64) (int64, error) {
	if err := checkYear(year); err != nil {
		return 0, err
	}
	weeks := (weekStart(year+1) - weekStart(year)) / 7
	if week < 1 || week > weeks || dow < 1 || dow > 7 {
		return 0, badTemporal("there is no day %d in week %d of %d", dow, week, year)
	}
	return weekStart(year) + (week-1)*7 + dow - 1, nil
}

func dateFromOrdinal(year, day int64) (int64, error) {
	if err := checkYear(year); err != nil {
		return 0, err
	}
	start := daysOf(year, 1, 1)
	if day < 1 || day > daysOf(year+1, 1, 1)-start {
		return 0, badTemporal("there is no day %d in %d", day, year)
	}
	return start + day - 1, nil
}

func dateFromQuarter(year, quarter, day int64) (int64, error) {
	if err := checkYear(year); err != nil {
		return 0, err
	}
	if quarter < 1 || quarter > 4 {
		return 0, badTemporal("there is no quarter %d", quarter)
	}
	start := daysOf(year, int(quarter-1)*3+1, 1)
	if day < 1 || day > daysOf(year, int(quarter)*3+1, 1)-start {
		return 0, badTemporal("there is no day %d in quarter %d of %d", day, quarter, year)
	}
	return start + day - 1, nil
}

// parseClock reads hh:mm:ss.fff, hhmmss.fff, hh:mm, hhmm or hh.
func parseClock(text string) (int64, error) {
	bad := badTemporal("%q is not a time such as 21:40:32", text)
	clock, frac, hasFrac := strings.Cut(strings.Replace(text, ",", ".", 1), ".")
	digits := strings.ReplaceAll(clock, ":", "")
	if colons := len(clock) - len(digits); colons != 0 && colons != len(digits)/2-1 {
		return 0, bad
	}
	if n := len(digits); n != 2 && n != 4 && n != 6 || hasFrac && (n != 6 || frac == "" || len(frac) > 9) {
		return 0, bad
	}
	n, ok := number10(digits + strings.Repeat("0", 6-len(digits)))
	if !ok {
		return 0, bad
	}
	ns := int64(0)
	if hasFrac {
		if ns, ok = number10(frac + strings.Repeat("0", 9-len(frac))); !ok {
			return 0, bad
		}
	}
	return clockNs(n/10000, n/100%100, n%100, ns)
}

func clockNs(hour, minute, second, ns int64) (int64, error) {
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || ns < 0 || ns >= nsPerSecond {
		return 0, badTemporal("there is no time %d:%d:%d and %d nanoseconds", hour, minute, second, ns)
	}
	return (hour*3600+minute*60+second)*nsPerSecond + ns, nil
}

// splitZone cuts a time of day from the offset and zone that follow it.
func splitZone(text string) (clock, offset, name string) {
	if at := strings.IndexByte(text, '['); at >= 0 && strings.HasSuffix(text, "]") {
		text, name = text[:at], text[at+1:len(text)-1]
	}
	at := strings.IndexAny(text, "+-Zz")
	if at < 0 {
		return text, "", name
	}
	return text[:at], text[at:], name
}

// parseTemporal reads text as the kind a function such as localtime() makes.
func parseTemporal(kind, text string) (any, error) {
	switch kind {
	case "date":
		days, err := parseDate(text)
		return orNil(Date{days}, err)
	case "localtime":
		ns, err := parseClock(text)
		return orNil(LocalTime{ns}, err)
	case "time":
		clock, offset, name := splitZone(text)
		if name != "" {
			return nil, badTemporal("a time of day has an offset, not a zone: %q", text)
		}
		ns, err := parseClock(clock)
		if err != nil {
			return nil, err
		}
		if offset == "" {
			return Time{ns, 0}, nil
		}
		z, err := parseZone(offset)
		return orNil(Time{ns, z.offset}, err)
	case "localdatetime":
		days, ns, rest, err := parseDateTime(text)
		if err == nil && rest != "" {
			err = badTemporal("a local date-time has no zone: %q", text)
		}
		return orNil(LocalDateTime{days, ns}, err)
	case "datetime":
		return parseZoned(text)
	}
	d, err := parseDuration(text)
	return orNil(d, err)
}

func orNil(v any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// parseDateTime reads a date, T and a time; rest is the zone's text.
func parseDateTime(text string) (days, ns int64, rest string, err error) {
	date, clock, hasClock := strings.Cut(text, "T")
	if days, err = parseDate(date); err != nil || !hasClock {
		return days, 0, "", err
	}
	clock, offset, name := splitZone(clock)
	if ns, err = parseClock(clock); err != nil {
		return 0, 0, "", err
	}
	if name != "" {
		offset += "[" + name + "]"
	}
	return days, ns, offset, nil
}

func parseZoned(text string) (any, error) {
	days, ns, rest, err := parseDateTime(text)
	if err != nil {
		return nil, err
	}
	_, offset, name := splitZone(rest)
	if name == "" {
		if offset == "" {
			return DateTime{days, ns, 0, ""}, nil
		}
		z, err := parseZone(offset)
		return orNil(z.at(days, ns), err)
	}
	z, err := parseZone(name)
	if err != nil {
		return nil, err
	}
	at := z.at(days, ns)
	if offset != "" {
		given, err := parseZone(offset)
		if err != nil {
			return nil, err
		}
		sec, n := given.at(days, ns).instant()
		at = atInstant(sec, n, z)
	}
	return at, nil
}

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
	f := &fields{m: m}
	for k := range m {
		if !temporalFields[k] {
			return nil, badTemporal("a %s has no field %q", kind, k)
		}
	}
	if f.has("epochSeconds", "epochMillis") {
		return buildEpoch(kind, f)
	}
	dateBase, timeBase, err := bases(m)
	if err != nil {
		return nil, err
	}
	needDate := kind != "localtime" && kind != "time"
	needTime := kind != "date"
	var z zone
	if kind == "time" || kind == "datetime" {
		if z, err = chooseZone(m, dateBase, timeBase, kind == "datetime"); err != nil {
			return nil, err
		}
		dateBase, timeBase = shiftBases(z, dateBase, timeBase, m)
	}
	var days, ns int64
	if needDate {
		if days, err = buildDate(f, dateBase); err != nil {
			return nil, err
		}
	}
	if needTime {
		if ns, err = buildClock(f, timeBase, needDate); err != nil {
			return nil, err
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	if kind == "time" {
		if z.loc != nil {
			z.offset = z.offsetAt(now.Unix())
		}
		return Time{ns, z.offset}, nil
	}
	return convertTemporal(kind, z.at(days, ns)), nil
}

func buildEpoch(kind string, f *fields) (any, error) {
	sec, ns := f.get("epochSeconds", 0), f.get("nanosecond", 0)+f.get("microsecond", 0)*1e3+f.get("millisecond", 0)*1e6
	if f.has("epochMillis") {
		ms := f.get("epochMillis", 0)
		sec, ns = floorDiv(ms, 1000), floorMod(ms, 1000)*1e6+ns
	}
	z := zone{}
	if s, ok := f.m["timezone"].(string); ok {
		var err error
		if z, err = parseZone(s); err != nil {
			return nil, err
		}
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

// chooseZone takes the timezone field, else the base's zone, else UTC.
func chooseZone(m map[string]any, date, clock *moment, named bool) (zone, error) {
	if tz, ok := m["timezone"]; ok {
		s, isString := tz.(string)
		if !isString {
			return zone{}, badTemporal("timezone must be a string, not %s", typeName(tz))
		}
		return parseZone(s)
	}
	if clock != nil && clock.zone != nil {
		return *clock.zone, nil
	}
	return zone{}, nil
}

// shiftBases moves a base that has a zone of its own to zone z: the same
// instant, or for a time of day alone the same moment of the day.
func shiftBases(z zone, date, clock *moment, m map[string]any) (*moment, *moment) {
	if clock == nil || clock.zone == nil || !hasKey(m, "timezone") {
		return date, clock
	}
	on := clock.days
	if date != nil && !clock.hasDate {
		on = date.days
	}
	sec, ns := clock.zone.at(on, clock.ns).instant()
	t := atInstant(sec, ns, z)
	moved := *clock
	moved.ns = t.ns
	if date != nil && hasKey(m, "datetime") {
		d := *date
		d.days = t.days
		date = &d
	}
	return date, &moved
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
	case f.has("quarter", "dayOfQuarter"):
		return dateFromQuarter(f.get("year", year), f.get("quarter", quarter), f.get("dayOfQuarter", quarterDay))
	}
	if base == nil && f.has("day") && !f.has("month") {
		return 0, badTemporal("a day needs a month")
	}
	return dateFromMonth(f.get("year", year), f.get("month", month), f.get("day", day))
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
	return buildTemporal(kind, fieldsOf, now)
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
