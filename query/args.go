package query

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"assim/graph"
	"assim/graph/cypher"
)

// Type is the type of an argument.
type Type string

// argType is what a type means: in words, as a check, and as a query for real
// values to complete from.
type argType struct {
	doc       string
	normalize func(string) (any, error)
	values    string // a query of one column, given $prefix
}

// hostName is what names may consist of; underscores occur in practice.
var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_.:-]*[a-z0-9_])?$`)

const maxText = 1024 // bytes of one argument

const systemNames = `MATCH (s:System) WHERE s.name STARTS WITH $prefix RETURN DISTINCT s.name AS v ORDER BY v LIMIT 100`

var types = map[Type]argType{
	"host":     {"a system's name or id, e.g. web1", normalizeHost, systemNames},
	"hosts":    {"names of systems separated by spaces or commas", normalizeHosts, systemNames},
	"ip":       {"an IPv4 or IPv6 address, e.g. 10.1.2.3", normalizeIP, `MATCH (a:IPAddr) WHERE a.addr STARTS WITH $prefix RETURN DISTINCT a.addr AS v ORDER BY v LIMIT 100`},
	"subnet":   {"a network, e.g. 10.1.0.0/16", normalizeSubnet, `MATCH (n:Subnet) WHERE n.prefix STARTS WITH $prefix RETURN DISTINCT n.prefix AS v ORDER BY v LIMIT 100`},
	"mac":      {"a hardware address in any usual form, e.g. 00:1a:2b:3c:4d:5e", normalizeMAC, `MATCH (n:NIC) WHERE n.mac STARTS WITH $prefix RETURN DISTINCT n.mac AS v ORDER BY v LIMIT 100`},
	"regexp":   {"a regular expression that matches the whole text, e.g. 'ssh.*'", normalizeRegexp, ""},
	"integer":  {"a whole number", normalizeInteger, ""},
	"port":     {"a port number from 1 to 65535", normalizePort, ""},
	"string":   {"any text", normalizeText, ""},
	"package":  {"a package's name, e.g. openssl", normalizeText, `MATCH (p:Package) WHERE p.name STARTS WITH $prefix RETURN DISTINCT p.name AS v ORDER BY v LIMIT 100`},
	"duration": {"a length of time in ISO form, e.g. P1DT12H", normalizeDuration, ""},
}

func (t Type) known() bool { _, ok := types[t]; return ok }

// Doc says in words what a value of the type is.
func (t Type) Doc() string { return types[t].doc }

func typeNames() []string {
	var names []string
	for _, t := range slices.Sorted(maps.Keys(types)) {
		names = append(names, string(t))
	}
	return names
}

func (t Type) normalize(text string) (any, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxText {
		return nil, fmt.Errorf("the value has %d bytes, more than the %d allowed", len(text), maxText)
	}
	return types[t].normalize(text)
}

func normalizeHost(s string) (any, error) {
	name := strings.TrimSuffix(strings.ToLower(s), ".")
	if !hostName.MatchString(name) {
		return nil, fmt.Errorf("%q is not the name of a system; it is letters, digits, dots and dashes, e.g. web1.example.com", s)
	}
	return name, nil
}

func normalizeHosts(s string) (any, error) {
	var list []any
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		v, err := normalizeHost(part)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("at least one system must be named")
	}
	return list, nil
}

func normalizeIP(s string) (any, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		if _, isPrefix := netip.ParsePrefix(s); isPrefix == nil {
			return nil, fmt.Errorf("%q is a network; an address has no %s", s, s[strings.IndexByte(s, '/'):])
		}
		return nil, fmt.Errorf("%q is not an IP address such as 10.1.2.3 or fd00::1", s)
	}
	return a.Unmap().WithZone("").String(), nil
}

func normalizeSubnet(s string) (any, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not a network such as 10.1.0.0/16", s)
	}
	return p.Masked().String(), nil
}

// normalizeMAC takes 6 or 8 bytes in hex with colons, dashes, dots or nothing.
func normalizeMAC(s string) (any, error) {
	digits := strings.NewReplacer(":", "", "-", "", ".", "").Replace(strings.ToLower(s))
	if strings.Contains(s, ":") && strings.Count(s, ":") == 5 {
		digits = ""
		for _, part := range strings.Split(strings.ToLower(s), ":") {
			if len(part) == 1 {
				part = "0" + part
			}
			digits += part
		}
	}
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != 6 && len(raw) != 8 {
		return nil, fmt.Errorf("%q is not a hardware address such as 00:1a:2b:3c:4d:5e", s)
	}
	parts := make([]string, len(raw))
	for i, b := range raw {
		parts[i] = fmt.Sprintf("%02x", b)
	}
	return strings.Join(parts, ":"), nil
}

func normalizeRegexp(s string) (any, error) {
	if _, err := regexp.Compile(s); err != nil {
		return nil, fmt.Errorf("%q is not a regular expression: %w", s, err)
	}
	return s, nil
}

func normalizeInteger(s string) (any, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is not a whole number", s)
	}
	return n, nil
}

func normalizePort(s string) (any, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("%q is not a port from 1 to 65535", s)
	}
	return int64(n), nil
}

func normalizeText(s string) (any, error) { return s, nil }

func normalizeDuration(s string) (any, error) {
	d, err := cypher.ParseDuration(strings.ToUpper(s))
	if err != nil {
		return nil, fmt.Errorf("%q is not a length of time such as PT12H or P7D", s)
	}
	return d, nil
}

// Complete returns values of the graph that an argument may begin with prefix
// to mean.
func (t Type) Complete(ctx context.Context, r graph.Reader, prefix string) ([]string, error) {
	if types[t].values == "" {
		return nil, nil
	}
	q, err := cypher.Parse(types[t].values)
	if err != nil {
		return nil, err
	}
	rows, err := q.Run(ctx, r, map[string]any{"prefix": strings.ToLower(prefix)}, cypher.Limits{})
	if err != nil {
		return nil, err
	}
	var out []string
	for row, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		if s, ok := row[0].(string); ok {
			out = append(out, s)
		}
	}
	return out, nil
}
