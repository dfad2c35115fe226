package cypher

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Duration is a length of time in four parts that do not convert into each
// other: a month has no fixed number of days, nor a day of seconds.
type Duration struct {
	months, days, seconds int64
	nanos                 int64 // 0 <= nanos < 1e9, added to seconds
}

const (
	secPerMonth = 2629746 // a 400 years' average
	maxMonths   = 12 * 2_000_000_000
	maxDays     = 366 * 2_000_000_000
)

// times multiplies by 1 or -1.
func (d Duration) times(sign int64) Duration {
	if sign == 1 {
		return d
	}
	return normalDuration(-d.months, -d.days, -d.seconds, -d.nanos)
}

// normalDuration brings nanos into range.
func normalDuration(months, days, seconds, nanos int64) Duration {
	return Duration{months, days, seconds + floorDiv(nanos, nsPerSecond), floorMod(nanos, nsPerSecond)}
}

func (d Duration) plus(e Duration) Duration {
	return normalDuration(d.months+e.months, d.days+e.days, d.seconds+e.seconds, d.nanos+e.nanos)
}

// truncatedSeconds rounds toward zero.
func (d Duration) truncatedSeconds() int64 {
	if d.seconds < 0 && d.nanos > 0 {
		return d.seconds + 1
	}
	return d.seconds
}

// average is the length in seconds with average months, for ordering.
func (d Duration) average() float64 {
	return float64(d.months)*secPerMonth + float64(d.days*secPerDay) + float64(d.seconds) + float64(d.nanos)/1e9
}

func (d Duration) compare(e Duration) int { return cmp(d.average(), e.average()) }

// String is ISO 8601, e.g. P1Y2M3DT4H5M6.7S.
func (d Duration) String() string {
	var b strings.Builder
	b.WriteByte('P')
	part := func(n int64, unit byte) {
		if n != 0 {
			b.WriteString(strconv.FormatInt(n, 10))
			b.WriteByte(unit)
		}
	}
	part(d.months/12, 'Y')
	part(d.months%12, 'M')
	part(d.days, 'D')
	if d.seconds != 0 || d.nanos != 0 {
		b.WriteByte('T')
		sec, ns := d.truncatedSeconds(), d.nanos
		if sec != d.seconds || d.seconds < 0 && ns > 0 {
			ns -= nsPerSecond
		}
		part(sec/3600, 'H')
		part(sec/60%60, 'M')
		if s := sec % 60; s != 0 || ns != 0 {
			sign := ""
			if s < 0 || ns < 0 {
				sign = "-"
			}
			fmt.Fprintf(&b, "%s%d%sS", sign, abs(s), formatFraction(abs(ns)))
		}
	}
	if b.Len() == 1 {
		return "PT0S"
	}
	return b.String()
}

func (d Duration) component(name string) (any, bool) {
	switch name {
	case "years":
		return d.months / 12, true
	case "quarters":
		return d.months / 3, true
	case "months":
		return d.months, true
	case "weeks":
		return d.days / 7, true
	case "days":
		return d.days, true
	case "hours":
		return d.seconds / 3600, true
	case "minutes":
		return d.seconds / 60, true
	case "seconds":
		return d.seconds, true
	case "milliseconds":
		return d.seconds*1e3 + d.nanos/1e6, true
	case "microseconds":
		return d.seconds*1e6 + d.nanos/1e3, true
	case "nanoseconds":
		return d.seconds*1e9 + d.nanos, true
	case "quartersOfYear":
		return d.months % 12 / 3, true
	case "monthsOfQuarter":
		return d.months % 3, true
	case "monthsOfYear":
		return d.months % 12, true
	case "daysOfWeek":
		return d.days % 7, true
	case "minutesOfHour":
		return d.seconds / 60 % 60, true
	case "secondsOfMinute":
		return d.seconds % 60, true
	case "millisecondsOfSecond":
		return d.nanos / 1e6, true
	case "microsecondsOfSecond":
		return d.nanos / 1e3, true
	case "nanosecondsOfSecond":
		return d.nanos, true
	}
	return nil, false
}

// durationUnits: what one of each unit is worth, as months, days or
// nanoseconds; singular and plural are the same.
var durationUnits = map[string]struct {
	months, days, nanos int64
}{
	"years": {12, 0, 0}, "quarters": {3, 0, 0}, "months": {1, 0, 0},
	"weeks": {0, 7, 0}, "days": {0, 1, 0},
	"hours": {0, 0, 3600e9}, "minutes": {0, 0, 60e9}, "seconds": {0, 0, 1e9},
	"milliseconds": {0, 0, 1e6}, "microseconds": {0, 0, 1e3}, "nanoseconds": {0, 0, 1},
}

// durationSum adds up parts that may be fractions. A fraction of a month
// becomes days, a fraction of a day seconds.
type durationSum struct {
	months, days, seconds, nanos int64
	monthFrac, dayFrac, secFrac  float64
}

// add counts value units; whole numbers stay exact.
func (s *durationSum) add(unit string, value any) error {
	u, ok := durationUnits[unit]
	if !ok {
		return badTemporal("a duration has no part %q", unit)
	}
	f, isNumber := number(value)
	if !isNumber {
		return badTemporal("a duration's %s cannot be %s", unit, typeName(value))
	}
	if math.Abs(f) > 1e17 || math.IsNaN(f) || math.Abs(f)*float64(u.months) > maxMonths || math.Abs(f)*float64(u.days) > maxDays {
		if unit != "nanoseconds" && unit != "microseconds" && unit != "milliseconds" {
			return badTemporal("%v %s is too long a duration", value, unit)
		}
	}
	whole, isInt := value.(int64)
	frac := 0.0
	if !isInt {
		whole = int64(f)
		frac = f - math.Trunc(f)
	}
	s.scale(whole, frac, u.months, u.days, u.nanos)
	return nil
}

func (s *durationSum) scale(whole int64, frac float64, months, days, nanos int64) {
	switch {
	case months > 0:
		exact := frac * float64(months)
		s.months += whole*months + int64(exact)
		s.monthFrac += exact - math.Trunc(exact)
	case days > 0:
		exact := frac * float64(days)
		s.days += whole*days + int64(exact)
		s.dayFrac += exact - math.Trunc(exact)
	case nanos >= nsPerSecond:
		s.seconds += whole * (nanos / nsPerSecond)
		s.secFrac += frac * float64(nanos/nsPerSecond)
	default:
		per := nsPerSecond / nanos
		s.seconds += whole / per
		s.nanos += whole % per * nanos
		s.secFrac += frac / float64(per)
	}
}

func (s *durationSum) duration() Duration {
	wholeMonths := math.Trunc(s.monthFrac)
	days := (s.monthFrac-wholeMonths)*(secPerMonth/float64(secPerDay)) + s.dayFrac
	wholeDays := math.Trunc(days + math.Copysign(1e-12, days))
	sec := (days-wholeDays)*float64(secPerDay) + s.secFrac
	wholeSec := math.Trunc(sec + math.Copysign(1e-10, sec))
	nanos := math.Trunc((sec-wholeSec)*1e9 + math.Copysign(1e-2, sec-wholeSec))
	return normalDuration(s.months+int64(wholeMonths), s.days+int64(wholeDays), s.seconds+int64(wholeSec), s.nanos+int64(nanos))
}

// durationFromMap builds duration({days: 1, hours: 2.5}).
func durationFromMap(m map[string]any) (any, error) {
	var s durationSum
	for _, k := range sortedKeys(m) {
		if m[k] == nil {
			return nil, nil
		}
		unit := k
		if !strings.HasSuffix(unit, "s") {
			unit += "s"
		}
		if err := s.add(unit, m[k]); err != nil {
			return nil, err
		}
	}
	return s.duration(), nil
}

// scaled multiplies every part by f, carrying fractions downwards.
func (d Duration) scaled(f float64) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) || math.Abs(f)*math.Abs(d.average()) > 1e17 {
		return nil, badTemporal("a duration cannot be multiplied by %v", f)
	}
	var s durationSum
	part := func(n int64, months, days, nanos int64) {
		exact := float64(n) * f
		s.scale(int64(exact), exact-math.Trunc(exact), months, days, nanos)
	}
	part(d.months, 1, 0, 0)
	part(d.days, 0, 1, 0)
	part(d.seconds, 0, 0, nsPerSecond)
	part(d.nanos, 0, 0, 1)
	return s.duration(), nil
}

// parseDuration reads ISO 8601: P1Y2M3W4DT5H6M7.8S or P2012-02-02T14:37:21.5.
func parseDuration(text string) (Duration, error) {
	bad := badTemporal("%q is not a duration such as P1DT2H", text)
	rest := text
	sign := int64(1)
	if strings.HasPrefix(rest, "-") {
		sign, rest = -1, rest[1:]
	}
	rest, ok := strings.CutPrefix(rest, "P")
	if !ok || rest == "" {
		return Duration{}, bad
	}
	date, clock, _ := strings.Cut(rest, "T")
	if len(date) > 4 && date[4] == '-' {
		return parseDurationDate(date, clock, bad)
	}
	var s durationSum
	if err := durationParts(&s, date, "YMWD", []string{"years", "months", "weeks", "days"}, bad); err != nil {
		return Duration{}, err
	}
	if err := durationParts(&s, clock, "HMS", []string{"hours", "minutes", "seconds"}, bad); err != nil {
		return Duration{}, err
	}
	return s.duration().times(sign), nil
}

func durationParts(s *durationSum, text, letters string, units []string, bad error) error {
	for text != "" {
		end := strings.IndexFunc(text, func(r rune) bool { return !isDigit(r) && r != '.' && r != ',' && r != '-' && r != '+' })
		if end < 1 {
			return bad
		}
		at := strings.IndexByte(letters, text[end])
		if at < 0 {
			return bad
		}
		if err := addDecimal(s, units[at], strings.Replace(text[:end], ",", ".", 1), bad); err != nil {
			return err
		}
		letters, units = letters[at+1:], units[at+1:]
		text = text[end+1:]
	}
	return nil
}

// addDecimal adds a number in text form; seconds keep nine exact decimals.
func addDecimal(s *durationSum, unit, text string, bad error) error {
	whole, frac, isDecimal := strings.Cut(text, ".")
	if unit == "seconds" && isDecimal && len(frac) <= 9 {
		n, err := strconv.ParseInt(frac+strings.Repeat("0", 9-len(frac)), 10, 64)
		if err != nil || n < 0 {
			return bad
		}
		if strings.HasPrefix(whole, "-") {
			n = -n
		}
		s.nanos += n
		text, isDecimal = whole, false
		if whole == "" || whole == "-" {
			return nil
		}
	}
	if isDecimal {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return bad
		}
		return s.add(unit, f)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return bad
	}
	return s.add(unit, n)
}

func parseDurationDate(date, clock string, bad error) (Duration, error) {
	var y, m, d int64
	if n, err := fmt.Sscanf(date, "%4d-%2d-%2d", &y, &m, &d); n != 3 || err != nil {
		return Duration{}, bad
	}
	var ns int64
	if clock != "" {
		var err error
		if ns, err = parseClock(clock); err != nil {
			return Duration{}, bad
		}
	}
	return normalDuration(y*12+m, d, 0, ns), nil
}

// moment is any temporal value laid out for comparison of two of them.
type moment struct {
	days, ns         int64
	hasDate, hasTime bool
	zone             *zone
}

func momentOf(v any) (m moment, ok bool) {
	switch x := v.(type) {
	case Date:
		return moment{days: x.days, hasDate: true}, true
	case LocalTime:
		return moment{ns: x.ns, hasTime: true}, true
	case Time:
		return moment{ns: x.ns, hasTime: true, zone: &zone{offset: x.offset}}, true
	case LocalDateTime:
		return moment{days: x.days, ns: x.ns, hasDate: true, hasTime: true}, true
	case DateTime:
		z := x.zoneOf()
		return moment{days: x.days, ns: x.ns, hasDate: true, hasTime: true, zone: &z}, true
	}
	return m, false
}

// between computes the duration from a to b; unit is "", "months", "days" or
// "seconds". What one side lacks it takes from the other: date, zone; a date
// alone is midnight.
func between(a, b any, unit string) (any, error) {
	x, okX := momentOf(a)
	y, okY := momentOf(b)
	if !okX || !okY {
		return nil, failed(TypeError, "InvalidArgumentType", "there is no duration between %s and %s", typeName(a), typeName(b))
	}
	dated := x.hasDate && y.hasDate
	if !x.hasDate {
		x.days = y.days
	}
	if !y.hasDate {
		y.days = x.days
	}
	z := zone{}
	switch {
	case x.zone != nil:
		z = *x.zone
	case y.zone != nil:
		z = *y.zone
	}
	from, to := z.at(x.days, x.ns), z.at(y.days, y.ns)
	if x.zone != nil && y.zone != nil {
		sec, ns := y.zone.at(y.days, y.ns).instant()
		to = atInstant(sec, ns, z)
	}
	if unit == "seconds" || unit == "" && !dated {
		return secondsBetween(from, to), nil
	}
	if !dated {
		return Duration{}, nil
	}
	if unit == "days" {
		return Duration{days: daysBetween(from.days, from.ns, to)}, nil
	}
	months := monthsBetween(from, to)
	if unit == "months" {
		return Duration{months: months}, nil
	}
	moved := addMonths(from.days, months)
	days := daysBetween(moved, from.ns, to)
	rest := secondsBetween(z.at(moved+days, from.ns), to)
	return Duration{months, days, rest.seconds, rest.nanos}, nil
}

func secondsBetween(a, b DateTime) Duration {
	as, an := a.instant()
	bs, bn := b.instant()
	return normalDuration(0, 0, bs-as, bn-an)
}

func daysBetween(days, ns int64, to DateTime) int64 {
	d := to.days - days
	switch {
	case d > 0 && to.ns < ns:
		d--
	case d < 0 && to.ns > ns:
		d++
	}
	return d
}

func monthsBetween(a, b DateTime) int64 {
	ay, am, _ := civil(a.days)
	by, bm, _ := civil(b.days)
	months := (by-ay)*12 + int64(bm-am)
	moved := addMonths(a.days, months)
	c := cmp2(moved, b.days, a.ns, b.ns)
	switch {
	case months > 0 && c > 0:
		months--
	case months < 0 && c < 0:
		months++
	}
	return months
}

// ParseDuration reads an ISO 8601 duration such as P1DT2H.
func ParseDuration(text string) (Duration, error) { return parseDuration(text) }
