package cypher

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Date is a day of the proleptic Gregorian calendar.
type Date struct{ days int64 } // since 1970-01-01

// LocalTime is a time of day without a zone.
type LocalTime struct{ ns int64 } // since midnight

// Time is a time of day with an offset from UTC.
type Time struct {
	ns     int64 // local, since midnight
	offset int32 // seconds east of UTC
}

// LocalDateTime is a date and time without a zone.
type LocalDateTime struct{ days, ns int64 }

// DateTime is a date and time with an offset and, perhaps, a named zone.
type DateTime struct {
	days, ns int64 // local
	offset   int32
	zone     string // IANA name or empty
}

const (
	nsPerSecond = int64(time.Second)
	nsPerDay    = 24 * int64(time.Hour)
	secPerDay   = int64(86400)
)

// civil returns the calendar date of days since 1970-01-01.
func civil(days int64) (year int64, month, day int) {
	y, m, d := time.Unix(days*secPerDay, 0).UTC().Date()
	return int64(y), int(m), d
}

// daysOf is the inverse of civil; month and day may overflow.
func daysOf(year int64, month, day int) int64 {
	return floorDiv(time.Date(int(year), time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix(), secPerDay)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// weekday is 1 for Monday to 7 for Sunday.
func weekday(days int64) int64 { return floorMod(days+3, 7) + 1 }

// weekStart is the Monday of ISO week 1 of a week-year.
func weekStart(year int64) int64 {
	jan4 := daysOf(year, 1, 4)
	return jan4 - weekday(jan4) + 1
}

// isoWeek returns the ISO week-year and week of a day.
func isoWeek(days int64) (year, week int64) {
	year, _, _ = civil(days - weekday(days) + 4)
	return year, (days-weekStart(year))/7 + 1
}

func quarterOf(month int) int64 { return int64(month-1)/3 + 1 }

// dayOfQuarter counts from 1.
func dayOfQuarter(days int64) int64 {
	y, m, _ := civil(days)
	return days - daysOf(y, int(quarterOf(m)-1)*3+1, 1) + 1
}

func ordinalDay(days int64) int64 {
	y, _, _ := civil(days)
	return days - daysOf(y, 1, 1) + 1
}

func daysInMonth(year int64, month int) int {
	return int(daysOf(year, month+1, 1) - daysOf(year, month, 1))
}

// addMonths moves a day by months, to the month's last day where it must.
func addMonths(days, months int64) int64 {
	if months == 0 {
		return days
	}
	y, m, d := civil(days)
	total := y*12 + int64(m-1) + months
	y, m = floorDiv(total, 12), int(floorMod(total, 12))+1
	return daysOf(y, m, min(d, daysInMonth(y, m)))
}

func formatDate(days int64) string {
	y, m, d := civil(days)
	sign := ""
	switch {
	case y < 0:
		sign, y = "-", -y
	case y > 9999:
		sign = "+"
	}
	return fmt.Sprintf("%s%04d-%02d-%02d", sign, y, m, d)
}

func formatTime(ns int64) string {
	s := ns / nsPerSecond
	text := fmt.Sprintf("%02d:%02d", s/3600, s/60%60)
	if s%60 != 0 || ns%nsPerSecond != 0 {
		text += fmt.Sprintf(":%02d%s", s%60, formatFraction(ns%nsPerSecond))
	}
	return text
}

func formatFraction(ns int64) string {
	if ns == 0 {
		return ""
	}
	return "." + strings.TrimRight(fmt.Sprintf("%09d", ns), "0")
}

func formatOffset(offset int32) string {
	if offset == 0 {
		return "Z"
	}
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	text := fmt.Sprintf("%c%02d:%02d", sign, offset/3600, offset/60%60)
	if offset%60 != 0 {
		text += fmt.Sprintf(":%02d", offset%60)
	}
	return text
}

// String is ISO 8601, e.g. 2015-07-21.
func (d Date) String() string { return formatDate(d.days) }

// String is ISO 8601, e.g. 21:40:32.142.
func (t LocalTime) String() string { return formatTime(t.ns) }

// String is ISO 8601, e.g. 21:40:32.142+01:00.
func (t Time) String() string { return formatTime(t.ns) + formatOffset(t.offset) }

// String is ISO 8601, e.g. 2015-07-21T21:40:32.142.
func (t LocalDateTime) String() string { return formatDate(t.days) + "T" + formatTime(t.ns) }

// String is ISO 8601 with the zone's name, e.g.
// 2015-07-21T21:40:32.142+02:00[Europe/Stockholm].
func (t DateTime) String() string {
	text := formatDate(t.days) + "T" + formatTime(t.ns) + formatOffset(t.offset)
	if t.zone != "" {
		text += "[" + t.zone + "]"
	}
	return text
}

// Go returns the instant as a time.Time.
func (t DateTime) Go() time.Time {
	sec, ns := t.instant()
	return time.Unix(sec, ns).In(time.FixedZone(t.zone, int(t.offset)))
}

// FromGo makes a DateTime of t in UTC.
func FromGo(t time.Time) DateTime { return atInstant(t.Unix(), int64(t.Nanosecond()), zone{}) }

// instant returns seconds since the epoch and nanoseconds within the second.
func (t DateTime) instant() (sec, ns int64) {
	return t.days*secPerDay + t.ns/nsPerSecond - int64(t.offset), t.ns % nsPerSecond
}

// zone is where a local time is: a fixed offset or a named zone.
type zone struct {
	offset int32
	name   string
	loc    *time.Location // set when name is
}

// offsetAt is the zone's offset at an instant.
func (z zone) offsetAt(sec int64) int32 {
	if z.loc == nil {
		return z.offset
	}
	_, offset := time.Unix(sec, 0).In(z.loc).Zone()
	return int32(offset)
}

// at makes a DateTime of a local time in the zone. Of a time that comes twice,
// when clocks are set back, it takes the first; a time that is skipped, when
// they are set forward, it moves by the gap.
func (z zone) at(days, ns int64) DateTime {
	if z.loc == nil {
		return DateTime{days, ns, z.offset, ""}
	}
	local := days*secPerDay + ns/nsPerSecond
	before, after := z.offsetAt(local-secPerDay), z.offsetAt(local+secPerDay)
	for _, offset := range []int32{before, after} {
		if z.offsetAt(local-int64(offset)) == offset {
			return DateTime{days, ns, offset, z.name}
		}
	}
	return atInstant(local-int64(before), ns%nsPerSecond, z)
}

// atInstant makes a DateTime of an instant in a zone.
func atInstant(sec, ns int64, z zone) DateTime {
	offset := z.offsetAt(sec)
	local := sec + int64(offset)
	return DateTime{floorDiv(local, secPerDay), floorMod(local, secPerDay)*nsPerSecond + ns, offset, z.name}
}

func (t DateTime) zoneOf() zone {
	if t.zone != "" {
		if loc, err := time.LoadLocation(t.zone); err == nil {
			return zone{t.offset, t.zone, loc}
		}
	}
	return zone{offset: t.offset}
}

// parseZone reads "Z", an offset, or the name of a zone.
func parseZone(s string) (zone, error) {
	if s == "Z" || s == "z" {
		return zone{}, nil
	}
	if s != "" && (s[0] == '+' || s[0] == '-') {
		offset, ok := parseOffset(s)
		if !ok {
			return zone{}, badTemporal("%q is not an offset such as +01:00", s)
		}
		return zone{offset: offset}, nil
	}
	name := strings.ReplaceAll(s, " ", "_")
	if name == "" || name == "Local" {
		return zone{}, badTemporal("%q is not a time zone", s)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return zone{}, badTemporal("%q is not a time zone known here", s)
	}
	if name == "UTC" || name == "GMT" {
		return zone{name: name, loc: time.UTC}, nil
	}
	return zone{name: name, loc: loc}, nil
}

func parseOffset(s string) (int32, bool) {
	digits := strings.ReplaceAll(s[1:], ":", "")
	if len(digits) != 2 && len(digits) != 4 && len(digits) != 6 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits+strings.Repeat("0", 6-len(digits)), 10, 32)
	if err != nil {
		return 0, false
	}
	offset := int32(n/10000*3600 + n/100%100*60 + n%100)
	if offset > 18*3600 {
		return 0, false
	}
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}

func badTemporal(format string, args ...any) error {
	return failed(ArgumentError, "InvalidArgumentValue", format, args...)
}

// compareTemporal orders two temporal values of one type.
func compareTemporal(a, b any) (int, bool) {
	switch x := a.(type) {
	case Date:
		if y, ok := b.(Date); ok {
			return cmp(x.days, y.days), true
		}
	case LocalTime:
		if y, ok := b.(LocalTime); ok {
			return cmp(x.ns, y.ns), true
		}
	case Time:
		if y, ok := b.(Time); ok {
			return cmp(x.ns-int64(x.offset)*nsPerSecond, y.ns-int64(y.offset)*nsPerSecond), true
		}
	case LocalDateTime:
		if y, ok := b.(LocalDateTime); ok {
			return cmp2(x.days, y.days, x.ns, y.ns), true
		}
	case DateTime:
		if y, ok := b.(DateTime); ok {
			xs, xn := x.instant()
			ys, yn := y.instant()
			return cmp2(xs, ys, xn, yn), true
		}
	case Duration:
		if y, ok := b.(Duration); ok {
			if x == y {
				return 0, true
			}
			return 1, true
		}
	}
	return 0, false
}

func cmp2(a, b, c, d int64) int {
	if a != b {
		return cmp(a, b)
	}
	return cmp(c, d)
}

func appendTemporalKey(b []byte, v any) []byte {
	if t, ok := v.(DateTime); ok {
		sec, ns := t.instant()
		return fmt.Appendf(b, "T%d.%d;", sec, ns)
	}
	if t, ok := v.(Time); ok {
		return fmt.Appendf(b, "t%d;", t.ns-int64(t.offset)*nsPerSecond)
	}
	return fmt.Appendf(b, "%T%v;", v, v)
}

// dateAccess are the components of the date part.
func dateAccess(days int64, name string) (any, bool) {
	y, m, d := civil(days)
	switch name {
	case "year":
		return y, true
	case "month":
		return int64(m), true
	case "day":
		return int64(d), true
	case "quarter":
		return quarterOf(m), true
	case "week":
		_, w := isoWeek(days)
		return w, true
	case "weekYear":
		wy, _ := isoWeek(days)
		return wy, true
	case "ordinalDay":
		return ordinalDay(days), true
	case "weekDay", "dayOfWeek":
		return weekday(days), true
	case "dayOfQuarter":
		return dayOfQuarter(days), true
	}
	return nil, false
}

func timeAccess(ns int64, name string) (any, bool) {
	s := ns / nsPerSecond
	switch name {
	case "hour":
		return s / 3600, true
	case "minute":
		return s / 60 % 60, true
	case "second":
		return s % 60, true
	case "millisecond":
		return ns % nsPerSecond / 1e6, true
	case "microsecond":
		return ns % nsPerSecond / 1e3, true
	case "nanosecond":
		return ns % nsPerSecond, true
	}
	return nil, false
}

func zoneAccess(offset int32, zone, name string) (any, bool) {
	switch name {
	case "timezone":
		if zone != "" {
			return zone, true
		}
		return formatOffset(offset), true
	case "offset":
		return formatOffset(offset), true
	case "offsetMinutes":
		return int64(offset / 60), true
	case "offsetSeconds":
		return int64(offset), true
	}
	return nil, false
}

// component returns a named part of a temporal value, e.g. d.year.
func component(v any, name string) (any, error) {
	var part any
	var ok bool
	switch x := v.(type) {
	case Date:
		part, ok = dateAccess(x.days, name)
	case LocalTime:
		part, ok = timeAccess(x.ns, name)
	case Time:
		if part, ok = timeAccess(x.ns, name); !ok {
			part, ok = zoneAccess(x.offset, "", name)
		}
	case LocalDateTime:
		if part, ok = dateAccess(x.days, name); !ok {
			part, ok = timeAccess(x.ns, name)
		}
	case DateTime:
		part, ok = x.component(name)
	case Duration:
		part, ok = x.component(name)
	}
	if !ok {
		return nil, failed(TypeError, "InvalidArgumentType", "%s has no component %q", typeName(v), name)
	}
	return part, nil
}

func (t DateTime) component(name string) (any, bool) {
	sec, ns := t.instant()
	switch name {
	case "epochSeconds":
		return sec, true
	case "epochMillis":
		return sec*1000 + ns/1e6, true
	}
	if part, ok := dateAccess(t.days, name); ok {
		return part, true
	}
	if part, ok := timeAccess(t.ns, name); ok {
		return part, true
	}
	return zoneAccess(t.offset, t.zone, name)
}

// isTemporal reports whether v is a temporal value.
func isTemporal(v any) bool {
	switch v.(type) {
	case Date, LocalTime, Time, LocalDateTime, DateTime, Duration:
		return true
	}
	return false
}

// addDuration moves a temporal value by d; sign is 1 or -1.
func addDuration(v any, d Duration, sign int64) (any, error) {
	d = d.times(sign)
	if abs(d.months) > maxMonths || abs(d.days) > maxDays || abs(d.seconds) > math.MaxInt64/4 {
		return nil, badTemporal("the duration %s is too long to add", d)
	}
	switch x := v.(type) {
	case Date:
		return Date{addMonths(x.days, d.months) + d.days + d.truncatedSeconds()/secPerDay}, nil
	case LocalTime:
		_, ns := addNs(0, x.ns, d)
		return LocalTime{ns}, nil
	case Time:
		_, ns := addNs(0, x.ns, d)
		return Time{ns, x.offset}, nil
	case LocalDateTime:
		days, ns := addNs(addMonths(x.days, d.months)+d.days, x.ns, d)
		return LocalDateTime{days, ns}, nil
	case DateTime:
		z := x.zoneOf()
		moved := z.at(addMonths(x.days, d.months)+d.days, x.ns)
		sec, ns := moved.instant()
		ns += d.nanos
		return atInstant(sec+d.seconds+ns/nsPerSecond, ns%nsPerSecond, z), nil
	}
	return nil, failed(TypeError, "InvalidArgumentType", "a duration cannot be added to %s", typeName(v))
}

// addNs adds the duration's seconds to a day and a time within it.
func addNs(days, ns int64, d Duration) (int64, int64) {
	sec := ns/nsPerSecond + d.seconds
	ns = ns%nsPerSecond + d.nanos
	sec, ns = sec+ns/nsPerSecond, ns%nsPerSecond
	return days + floorDiv(sec, secPerDay), floorMod(sec, secPerDay)*nsPerSecond + ns
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
