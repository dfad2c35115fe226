package cypher

import (
	"strconv"
	"strings"
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
